//! `bench control`: how long the pages of the admin API take on a large site. It needs the catalog itself to make that site, so
//! it is a test of `control` and not one of the lab's measurements; every day the same runs on a small site.

use crate::{place::Places, product::cargo, run::follow};
use anyhow::Result;

/// What is measured.
pub const MEASURES: &str = "every page of the admin API with 10,000 machines and 1,000,000 rows of the audit, while somebody \
                            writes; wanted: p99 below 300 ms";

/// Makes the site, asks for every page, and prints what each took. Whether each was quick enough is returned.
///
/// # Errors
/// Cargo cannot be started.
pub fn measure(places: &Places, small: bool) -> Result<bool> {
    println!("control: {MEASURES}");
    let words = [
        "test",
        "--release",
        "--quiet",
        "--package",
        "control",
        "--test",
        "pages",
        "--",
        "--nocapture",
    ];
    let mut command = cargo(places, &words);
    if !small {
        command.env("AMORCE_BENCH", "whole");
    }
    follow(&mut command, |_| {})
}
