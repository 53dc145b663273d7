//! Refusals and failures as the problem documents that agents get.

use crate::wire::WireError;
use imager::{Error, ErrorKind};
use protocol::Problem;

/// Outside the session's right.
pub(super) fn not_yours(why: &str) -> Problem {
    Problem::new("not-yours", why, "start a job for what you want to do").with_status(403)
}

/// The body is no message of the protocol.
pub(super) fn of_wire(error: WireError) -> Problem {
    Problem::new(
        "malformed",
        error.to_string(),
        "restart the machine for an agent of the appliance's version",
    )
    .with_status(400)
}

/// What was sent is not what it claims to be.
pub(super) fn of_body(error: Error) -> Problem {
    error.to_problem().with_status(422)
}

/// The store failed, or found what was asked for wanting.
pub(super) fn of_store(error: Error) -> Problem {
    let status = match error.kind() {
        ErrorKind::Missing => 404,
        ErrorKind::Refused | ErrorKind::Exists => 409,
        ErrorKind::Full => 507,
        // The agent tries again by itself.
        ErrorKind::Busy | ErrorKind::Unreachable => 503,
        _ => 500,
    };
    error.to_problem().with_status(status)
}
