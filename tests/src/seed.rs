//! A depot that already holds master A, made once by the `imager` command: for scenarios that are about something else
//! than capturing.

use crate::{
    master::{self, Table},
    process::{command, run},
    stage::Tools,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

/// What the seeded master is called.
pub const MASTER: &str = "seed";

/// What the capture of the seeded master counted.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// Bytes that the whole master took in the depot: what a restore of a blank disk has to fetch.
    pub bytes_stored: u64,
}

/// Puts the depot into `data`, as if the master had been captured long ago.
///
/// # Errors
/// The imager fails, or the copy does.
pub fn plant(tools: &Tools, data: &Path) -> Result<Seed> {
    let folder = tools.cache.join("seeds");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program =
        fs::read(&tools.imager).with_context(|| format!("cannot read {}", tools.imager.display()))?;
    let image = master::image(&tools.cache, Table::Gpt)?;
    // Another imager or another master makes another seed.
    let key = blake3::hash(
        &[
            blake3::hash(&program).as_bytes(),
            image.as_os_str().as_encoded_bytes(),
        ]
        .concat(),
    );
    let seed = folder.join(&key.to_hex().as_str()[..16]);
    let lock = File::create(folder.join("lock"))?;
    crate::process::wait_until("another run has made the seed", Duration::from_secs(600), || {
        Ok(lock.try_lock().ok())
    })?;
    if !seed.exists() {
        make(tools, &image, &folder, &seed)?;
    }
    drop(lock);
    run(command(["cp", "--archive", "--reflink=auto"])
        .arg(seed.join("depot"))
        .arg(data.join("depot")))?;
    let counts: Value = serde_json::from_slice(&fs::read(seed.join("counts.json"))?)?;
    let bytes_stored = counts["bytes_stored"]
        .as_u64()
        .context("the imager counted no bytes_stored")?;
    Ok(Seed { bytes_stored })
}

fn make(tools: &Tools, image: &Path, folder: &Path, seed: &Path) -> Result<()> {
    let draft = tempfile::tempdir_in(folder).context("cannot make a folder")?;
    let store = draft.path().join("depot");
    run(command([&tools.imager]).arg("init").arg(&store))?;
    let counts = run(command([&tools.imager])
        .arg("capture")
        .arg(image)
        .arg("--store")
        .arg(&store)
        .args(["--name", MASTER, "--json"]))?;
    fs::write(draft.path().join("counts.json"), counts)?;
    fs::rename(draft.keep(), seed).context("cannot keep the seed")
}
