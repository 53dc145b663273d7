//! The scenarios, by name.

mod local;

use crate::scenario::Scenario;

/// Every scenario; the longest first.
pub const ALL: &[Scenario] = &[Scenario {
    name: "no-appliance",
    proves: "without an appliance a machine still boots its own disk, in each firmware",
    daily: true,
    play: local::no_appliance,
}];
