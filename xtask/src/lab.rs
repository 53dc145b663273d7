//! The lab's program, with what it needs to know.

use crate::{
    node::Node,
    place::{Places, Profile},
    product,
};
use anyhow::Result;
use std::process::Command;

/// Builds everything that machines in the lab need.
///
/// # Errors
/// Something does not build.
pub fn build(places: &Places, node: &Node) -> Result<()> {
    product::build_page(places, node)?;
    product::build_programs(places)?;
    product::build_boot_files(places)
}

/// The lab, without a command of its own yet.
pub fn command(places: &Places, node: &Node) -> Command {
    let mut command = Command::new(places.program(Profile::Development, "lab"));
    command.current_dir(&places.checkout);
    command
        .arg("--amorce")
        .arg(places.program(Profile::Release, "amorce"));
    command
        .arg("--imager")
        .arg(places.program(Profile::Release, "imager"));
    command.arg("--boot-files").arg(places.boot_files());
    command.arg("--newer-boot-files").arg(places.newer_boot_files());
    command
        .arg("--firmware")
        .arg(places.package("firmware-misc-nonfree").join("lib/firmware"));
    command.arg("--packages").arg(places.package(""));
    command.arg("--cache").arg(places.cache.join("lab"));
    command.arg("--page").arg(places.checkout.join("webui"));
    command.arg("--node").arg(node.program("node"));
    command
}
