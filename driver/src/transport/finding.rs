// SPDX-License-Identifier: Apache-2.0
//! What a device needs of the machine, how it stands, and what mends it.

/// How one thing that a device needs stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it must be.
    Right,
    /// Works, and could be better.
    Poor,
    /// A device cannot be opened like this.
    Missing,
}

/// One thing that a device needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// The command, or the deed, that mends it.
    pub mend: Option<String>,
}

impl Finding {
    pub(crate) fn right(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            state: State::Right,
            found: found.into(),
            mend: None,
        }
    }

    pub(crate) fn not(
        state: State,
        what: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            what,
            state,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }

    pub(crate) fn missing(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::not(State::Missing, what, found, mend)
    }
}
