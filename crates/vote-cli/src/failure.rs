//! How a command fails, and the exit code that says so.

use vote_api::{CallError, ConnectError, Refusal, RefusalCode};
use vote_views::{Error, ErrorCode};

use crate::output::clean;

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

    /// What kind of failure it is; as stable as the exit code.
    const fn kind(&self) -> ErrorCode {
        match self {
            Self::Other(_) => ErrorCode::Failure,
            Self::Usage(_) => ErrorCode::Usage,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::NotEligible(_) => ErrorCode::NotEligible,
            Self::Unreachable(_) => ErrorCode::Unreachable,
            Self::Verification(_) => ErrorCode::Verification,
            Self::Interrupted => ErrorCode::Interrupted,
        }
    }

    /// Where to look next, if the words do not say so themselves.
    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Other(_) | Self::NotFound(_) => None,
            Self::Usage(_) => Some("--help behind a command says what it takes"),
            Self::NotEligible(_) => Some(
                "--name or --credential signs with another key; the organiser knows who is on the roll",
            ),
            Self::Unreachable(_) => {
                Some("`vote-cli status` says how the node is doing; --socket asks another one")
            }
            Self::Verification(_) => Some(
                "do not rely on what was checked: ask another node, or whoever gave you the file",
            ),
            Self::Interrupted => Some(
                "what was submitted may become final all the same: to run the command again does no harm",
            ),
        }
    }

    /// For programs.
    pub(crate) fn view(&self) -> Error {
        Error {
            code: self.kind(),
            message: self.to_string(),
            hint: self.hint(),
        }
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
        // The node's words, and those of whoever it quotes.
        let reason = clean(&reason);
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
        let words = clean(&error.to_string());
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Gone | CallError::Silent(_) => Self::Unreachable(words),
            CallError::NotFinal { .. } => Self::Unreachable(words)
                .and(". Too few validators may be connected: see `vote-cli status`"),
            CallError::False { .. } | CallError::OtherChain { .. } => Self::Verification(words),
            CallError::Unexpected | CallError::TooOld(_) => Self::Other(words),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unreachable(clean(&error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_node_are_made_safe_for_a_terminal() {
        let evil = "no\u{1b}]0;title\u{7}\n\u{1b}[2Jthing".to_owned();
        for code in [
            RefusalCode::Invalid,
            RefusalCode::WrongState,
            RefusalCode::NotEligible,
            RefusalCode::Busy,
            RefusalCode::Damaged,
        ] {
            let failure = Failure::from(CallError::Refused(Refusal {
                code,
                reason: evil.clone(),
            }))
            .to_string();
            assert!(
                failure.contains("thing") && !failure.contains(char::is_control),
                "{code:?}: {failure:?}"
            );
        }
        let failure = Failure::from(CallError::False {
            node: "n".into(),
            what: evil,
        })
        .to_string();
        assert!(
            failure.contains("thing") && !failure.contains(char::is_control),
            "{failure:?}"
        );
    }
}
