//! What every handler shares.

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub struct Control;
