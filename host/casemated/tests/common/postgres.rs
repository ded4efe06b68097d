// SPDX-License-Identifier: Apache-2.0
//! A PostgreSQL server of a test's own: the machine's program, or the one that `cargo xtask setup` fetched, on a private socket.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Runs until it is dropped.
pub struct Server {
    server: Child,
    bin: PathBuf,
    user: User,
    dir: TempDir,
}

/// PostgreSQL refuses to be root's.
#[derive(Clone, Copy, PartialEq, Debug)]
enum User {
    /// Whoever runs the test.
    Own,
    /// root gives up its rights.
    Nobody,
    /// root seems to be somebody else, in a namespace.
    Namespace,
}

const NOBODY: u32 = 65534;

fn programs() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace");
    let roots = [PathBuf::from("/"), workspace.join("target/postgres")];
    let versions = roots
        .iter()
        .flat_map(|r| std::fs::read_dir(r.join("usr/lib/postgresql")));
    let bins = versions.flatten().flatten().map(|v| v.path().join("bin"));
    bins.filter(|b| b.join("postgres").exists()).collect()
}

impl User {
    fn command(self, program: &Path) -> Command {
        let mut c = match self {
            Self::Own => Command::new(program),
            Self::Nobody => {
                let mut c = Command::new("setpriv");
                c.args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                    .arg(program);
                c
            }
            Self::Namespace => {
                let mut c = Command::new("unshare");
                c.arg("--user").arg(program);
                c
            }
        };
        // The libraries that came with a program that was fetched.
        if let Some(root) = program.ancestors().nth(6) {
            let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
            c.env("LD_LIBRARY_PATH", root.join(libraries));
        }
        c.env("LC_ALL", "C").stdin(Stdio::null());
        c
    }

    /// Whoever can run the program.
    fn of(bin: &Path) -> Option<Self> {
        let root =
            std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
        let users: &[Self] = if root {
            &[Self::Nobody, Self::Namespace]
        } else {
            &[Self::Own]
        };
        let runs = |u: &&Self| {
            let out = u.command(&bin.join("postgres")).arg("--version").output();
            out.is_ok_and(|o| o.status.success())
        };
        users.iter().find(runs).copied()
    }
}

impl Server {
    /// Starts one, or says on a line of its own that the test is skipped.
    pub fn start() -> Option<Self> {
        let bins = programs();
        let Some((bin, user)) = bins.into_iter().find_map(|b| User::of(&b).map(|u| (b, u))) else {
            // Not by a macro, whose output a test that passes does not show.
            let line = "\nskipped: no PostgreSQL; `cargo xtask setup` says why\n";
            std::io::stdout()
                .write_all(line.as_bytes())
                .expect("standard output");
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary folder");
        if user == User::Nobody {
            std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY))
                .expect("root may give a folder away");
        }
        let made = user
            .command(&bin.join("initdb"))
            .args([
                "--auth=trust",
                "--username=casemate",
                "--no-sync",
                "--encoding=UTF8",
                "-D",
            ])
            .arg(dir.path().join("data"))
            .output()
            .expect("initdb starts");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let server = spawn(&bin, user, dir.path());
        let mut server = Self {
            server,
            bin,
            user,
            dir,
        };
        server.wait();
        Some(server)
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while !self.dir.path().join(".s.PGSQL.5432").exists() {
            let log = || std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(
                self.server.try_wait().expect("a child").is_none(),
                "it ended: {}",
                log()
            );
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it does not start: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let pg_isready = self.bin.join("pg_isready");
        while !self
            .user
            .command(&pg_isready)
            .arg("-qh")
            .arg(self.dir.path())
            .status()
            .is_ok_and(|s| s.success())
        {
            assert!(start.elapsed() < Duration::from_secs(30), "it does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where a database of it is; the one named `postgres` is there.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://casemate@{}/{database}",
            self.dir.path().display().to_string().replace('/', "%2F")
        )
    }

    /// A new database.
    pub fn create(&self, database: &str) -> String {
        let mut c = self.user.command(&self.bin.join("createdb"));
        c.args(["-U", "casemate", "-h"])
            .arg(self.dir.path())
            .arg(database);
        let out = c.output().expect("createdb starts");
        assert!(
            out.status.success(),
            "createdb: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        self.url(database)
    }

    /// Ends it as a power cut would, and starts it again.
    #[allow(dead_code)] // not every test program does
    pub fn crash_and_restart(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(self.dir.path().join(".s.PGSQL.5432"));
        self.server = spawn(&self.bin, self.user, self.dir.path());
        self.wait();
    }

    fn kill(&mut self) {
        // SIGQUIT: it ends at once, its children with it, and recovers at the next start.
        let pid = self.server.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.server.wait();
    }
}

fn spawn(bin: &Path, user: User, dir: &Path) -> Child {
    let log = std::fs::File::create(dir.join("log")).expect("a log file");
    user.command(&bin.join("postgres"))
        .arg("-D")
        .arg(dir.join("data"))
        .arg("-k")
        .arg(dir)
        .args(["-c", "listen_addresses=", "-c", "max_connections=200"])
        .stdout(log.try_clone().expect("a log file"))
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
