//! Why a request is not done, as programs and people read it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use vote_api::{CallError, Refusal, RefusalCode};
use vote_views::PageFault;

/// A request that is not done.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: &'static str,
    reason: String,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            code,
            reason: reason.into(),
        }
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", reason)
    }

    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    /// The rules of the election show it later.
    pub(crate) fn withheld(what: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "withheld",
            format!("by the rules of its vote {what} is shown once it has closed"),
        )
    }

    pub(crate) fn too_large(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", reason)
    }

    pub(crate) fn busy(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", reason)
    }

    /// No node to ask.
    pub(crate) fn gone() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "gone",
            "the node does not answer; it may be back in a moment",
        )
    }

    /// The node says what is not so; to ask it again is of no use.
    fn at_fault(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "at_fault", reason)
    }

    /// Of a question about a thing by its name: what the node does not have is not found.
    pub(crate) fn of_named(error: CallError) -> Self {
        match error {
            CallError::Refused(Refusal {
                code: RefusalCode::WrongState,
                reason,
            }) => Self::not_found(reason),
            other => other.into(),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(Refusal { code, reason }: Refusal) -> Self {
        let (status, code) = match code {
            RefusalCode::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            RefusalCode::WrongState => (StatusCode::CONFLICT, "wrong_state"),
            RefusalCode::NotEligible => (StatusCode::FORBIDDEN, "not_eligible"),
            RefusalCode::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            RefusalCode::Damaged => (StatusCode::INTERNAL_SERVER_ERROR, "damaged"),
        };
        Self::new(status, code, reason)
    }
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Gone | CallError::Silent(_) => Self::gone(),
            CallError::NotFinal { .. } => Self::busy(error.to_string()),
            CallError::Unexpected | CallError::TooOld(_) => Self::at_fault(error.to_string()),
            // Where the node's socket is, is nothing for visitors.
            CallError::False { what, .. } => Self::at_fault(format!(
                "the node is at fault: {what}. Do not rely on what it says; use another node"
            )),
            CallError::OtherChain { trusted, found, .. } => Self::at_fault(format!(
                "the node is on chain {found}, not on {trusted}, which this page is for"
            )),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(PageFault {
                code: self.code,
                reason: self.reason,
            }),
        )
            .into_response()
    }
}
