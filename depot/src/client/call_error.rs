//! What can become of a call to the appliance.

use protocol::Problem;
use std::{io, net::SocketAddr};

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The appliance answered with a problem document, or with a status that says as much.
    #[error("{0}")]
    Refused(Problem),
    /// Whoever answers at this address does not hold a certificate of the pinned CA.
    #[error(
        "{address} is not the appliance that started this machine: {why}; restart the machine, and look for a second appliance if it comes again"
    )]
    Untrusted {
        /// Who was called.
        address: SocketAddr,
        /// What is wrong with its certificate.
        why: String,
    },
    /// No connection, or it was cut.
    #[error("{doing} {address}: {source}; check the cable and that the appliance is running")]
    Unreachable {
        /// Who was called.
        address: SocketAddr,
        /// What was being done: "connecting to", "sending to", "reading from".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The answer breaks the protocol.
    #[error(
        "the appliance's answer to {call} makes no sense: {why}; appliance and agent may be of different versions"
    )]
    Malformed {
        /// Method and path.
        call: String,
        /// What is wrong.
        why: String,
    },
    /// Somebody set the cancel flag.
    #[error("stopped, as asked")]
    Cancelled,
}

impl CallError {
    /// The same in the words that go to the screen and into a report.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Refused(problem) => return problem.clone(),
            Self::Untrusted { .. } => "appliance-untrusted",
            Self::Unreachable { .. } => "appliance-unreachable",
            Self::Malformed { .. } => "answer-malformed",
            Self::Cancelled => "cancelled",
        };
        let text = self.to_string();
        let (title, remedy) = text.rsplit_once("; ").unwrap_or((&text, ""));
        Problem::new(code, title, remedy)
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }
}
