//! How a command fails, and the exit code that says so.

use vote_api::{CallError, ConnectError, Refusal, RefusalCode};

/// A command that has not done what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Anything without a code of its own.
    #[error("{0}")]
    Other(String),
    /// The command line is wrong in a way that only the ledger shows.
    #[error("{0}")]
    Usage(String),
    /// No such thing, or it is not in a state to do this.
    #[error("{0}")]
    NotFound(String),
    /// This credential may not.
    #[error("{0}")]
    NotEligible(String),
    /// No node, or no quorum.
    #[error("{0}")]
    Unreachable(String),
    /// A check ran, and failed.
    #[error("verification FAILED: {0}")]
    Verification(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    pub(crate) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// The same, with more to say.
    pub(crate) fn and(mut self, more: &str) -> Self {
        match &mut self {
            Self::Other(words)
            | Self::Usage(words)
            | Self::NotFound(words)
            | Self::NotEligible(words)
            | Self::Unreachable(words)
            | Self::Verification(words) => words.push_str(more),
            Self::Interrupted => {}
        }
        self
    }

    /// The exit code: a part of the interface, listed in `vote-cli --help`.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::NotEligible(_) => 4,
            Self::Unreachable(_) => 5,
            Self::Verification(_) => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(Refusal { code, reason }: Refusal) -> Self {
        match code {
            RefusalCode::Invalid | RefusalCode::Damaged => Self::Other(reason),
            RefusalCode::WrongState => Self::NotFound(reason),
            RefusalCode::NotEligible => Self::NotEligible(reason),
            RefusalCode::Busy => Self::Unreachable(reason),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Gone | CallError::Silent(_) => Self::Unreachable(error.to_string()),
            CallError::NotFinal { .. } => {
                let why = ". Too few validators may be connected: see `vote-cli status`";
                Self::Unreachable(error.to_string()).and(why)
            }
            CallError::False { .. } | CallError::OtherChain { .. } => Self::Verification(error.to_string()),
            CallError::Unexpected => Self::Other(error.to_string()),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unreachable(error.to_string())
    }
}
