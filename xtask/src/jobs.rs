// SPDX-License-Identifier: Apache-2.0
//! Work in independent pieces, as many at a time as there are cores. What a piece prints comes out whole, when it has ended.

use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Condvar, Mutex};

/// A piece of work and its name. It gives what it printed, and whether it was well.
pub struct Job {
    pub name: String,
    pub work: Box<dyn FnOnce() -> (String, Result<()>) + Send>,
}

impl Job {
    /// A command, of which only the status counts.
    pub fn command(name: &str, make: impl FnOnce() -> Result<Command> + Send + 'static) -> Self {
        let work = move || match make().and_then(|mut c| captured(&mut c)) {
            Ok((said, result)) => (said, result),
            Err(e) => (String::new(), Err(e)),
        };
        Self {
            name: name.into(),
            work: Box::new(work),
        }
    }
}

/// What a command printed on both streams, and whether it ended well.
pub fn captured(cmd: &mut Command) -> Result<(String, Result<()>)> {
    let name = cmd.get_program().to_string_lossy().into_owned();
    let (mut read, write) = std::io::pipe()?;
    cmd.stdout(write.try_clone()?).stderr(write);
    let mut child = cmd.spawn().with_context(|| format!("cannot start {name}"))?;
    // The command holds the ends to write to: while they are open, nothing ends.
    cmd.stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut said = Vec::new();
    std::io::Read::read_to_end(&mut read, &mut said)?;
    let status = child.wait()?;
    let result = || -> Result<()> {
        if !status.success() {
            bail!("{name}: {status}");
        }
        Ok(())
    };
    Ok((String::from_utf8_lossy(&said).into_owned(), result()))
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    closed: bool,
}

/// Jobs that wait for a core.
#[derive(Default)]
pub struct Jobs {
    state: Mutex<State>,
    changed: Condvar,
}

impl Jobs {
    /// More jobs, begun in this order.
    pub fn add(&self, jobs: impl IntoIterator<Item = Job>) {
        self.state.lock().expect("jobs").waiting.extend(jobs);
        self.changed.notify_all();
    }

    /// No more are to come.
    pub fn close(&self) {
        self.state.lock().expect("jobs").closed = true;
        self.changed.notify_all();
    }

    /// Works until none is left and none is to come.
    pub fn work(&self, done: &(impl Fn(&str, &str, Result<()>) + Sync)) {
        loop {
            let mut state = self.state.lock().expect("jobs");
            let job = loop {
                match state.waiting.pop_front() {
                    Some(job) => break job,
                    None if state.closed => return,
                    None => state = self.changed.wait(state).expect("jobs"),
                }
            };
            drop(state);
            let (said, result) = (job.work)();
            done(&job.name, &said, result);
        }
    }
}
