//! The first capture.

use super::{
    Ground, measure, peer,
    peer::{ChunkStore, Partclone},
    remove,
    report::{Bound, Report},
};
use anyhow::Result;

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    let ours = ground.our_name()?;
    let partclone = Partclone::name()?;
    let level = ground.our_level()?;
    let zstd = format!("{} -{level} -T2 of the used bytes", peer::versions(&["zstd"])?);
    let peer = Partclone::prepare(&ground.first.image, &ground.first, ground.path("partclone"), true)?;
    let used = ground.path("used.raw");
    peer.used_bytes(&used)?;
    for _ in 0..ground.times {
        let store = ground.new_store("store")?;
        report.add(
            &ours,
            measure(|| ground.capture(&ground.first.image, &store)?.get("bytes_stored"))?,
        );
        remove(&store)?;
        report.add(&partclone, measure(|| peer.capture())?);
        remove(&ground.path("partclone"))?;
        std::fs::create_dir(ground.path("partclone"))?;
        let packed = ground.path("used.zst");
        report.add(&zstd, measure(|| peer::zstd(&used, &packed, level))?);
        remove(&packed)?;
        for tool in ChunkStore::ALL {
            let repository = tool.init(ground, "repository")?;
            report.add(
                &tool.name()?,
                measure(|| tool.capture(ground, &repository, &ground.first.image, "first"))?,
            );
            remove(&repository)?;
        }
    }
    report.print("stored")?;
    let stored = report.median(&ours)?.bytes as f64 / report.median(&partclone)?.bytes as f64;
    // Quicker, or as small and nearly as quick: one of both is asked for.
    let (stored_most, faster) = if stored <= 1.0 { (1.0, 2.2) } else { (1.12, 2.5) };
    report.claim("stored / partclone", stored, Bound::AtMost(stored_most));
    report.faster(&ours, &partclone, faster)?;
    report.faster(&ours, &zstd, 0.8)?;
    for (tool, at_least) in ChunkStore::ALL.into_iter().zip([5.0, 4.0, 13.0]) {
        report.faster(&ours, &tool.name()?, at_least)?;
    }
    Ok(())
}
