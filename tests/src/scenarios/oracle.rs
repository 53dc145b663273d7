//! Which clusters a filesystem uses, by its own tools and its own table: nothing of it comes from our readers.

use crate::process::{command, finish, run};
use anyhow::{Context, Result, bail, ensure};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// What a restore wipes of each partition.
const HEAD_BYTES: u64 = 1 << 20;

/// Where the clusters lie and which are used.
pub struct Oracle {
    start: u64,
    cluster_bytes: u64,
    used: Vec<bool>,
}

/// How a restored filesystem compares, in clusters.
#[derive(Clone, Copy, Debug)]
pub struct Clusters {
    /// Used in the source.
    pub used: u64,
    /// Used in the source, and something else in the copy.
    pub lost: u64,
    /// Free in the source, and no longer what the target held.
    pub extra: u64,
}

impl Oracle {
    /// Asks what a filesystem on an image uses.
    ///
    /// # Errors
    /// A tool fails, or contradicts the table.
    pub fn of(kind: &str, image: &Path) -> Result<Self> {
        match kind {
            "vfat" => fat(image),
            "exfat" => exfat(image),
            "ntfs3" => ntfs(image),
            other => bail!("nobody is asked about {other}"),
        }
    }

    /// Holds a copy, restored over nothing but `junk`, against its source.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn compare(&self, source: &Path, copy: &Path, junk: u8) -> Result<Clusters> {
        let (source, copy) = (File::open(source)?, File::open(copy)?);
        let length = usize::try_from(self.cluster_bytes)?;
        let (mut original, mut restored) = (vec![0; length], vec![0; length]);
        let mut found = Clusters {
            used: 0,
            lost: 0,
            extra: 0,
        };
        for (number, used) in (0..).zip(&self.used) {
            let at = self.start + number * self.cluster_bytes;
            copy.read_exact_at(&mut restored, at)?;
            if *used {
                source.read_exact_at(&mut original, at)?;
                found.used += 1;
                found.lost += u64::from(original != restored);
            } else {
                // The head of a partition is wiped before anything is written to it.
                let wiped = at < HEAD_BYTES && restored.iter().all(|byte| *byte == 0);
                found.extra += u64::from(!wiped && restored.iter().any(|byte| *byte != junk));
            }
        }
        Ok(found)
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length]
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// The file allocation table itself; fsck.fat counts as many.
fn fat(image: &Path) -> Result<Oracle> {
    let file = File::open(image)?;
    let mut boot = [0; 512];
    file.read_exact_at(&mut boot, 0)?;
    let or = |first: u64, second: u64| if first == 0 { second } else { first };
    let sector = number(&boot, 11, 2);
    let (reserved, copies, slots) = (number(&boot, 14, 2), number(&boot, 16, 1), number(&boot, 17, 2));
    let fat_sectors = or(number(&boot, 22, 2), number(&boot, 36, 4));
    let sectors = or(number(&boot, 19, 2), number(&boot, 32, 4));
    let cluster_bytes = number(&boot, 13, 1) * sector;
    let start = (reserved + copies * fat_sectors) * sector + (slots * 32).next_multiple_of(sector);
    let count = (sectors * sector - start) / cluster_bytes;
    let mut table = vec![0; usize::try_from(fat_sectors * sector)?];
    file.read_exact_at(&mut table, reserved * sector)?;
    let (bits, mask) = match count {
        0..4085 => (12, 0xFFF),
        4085..65525 => (16, 0xFFFF),
        _ => (32, 0x0FFF_FFFF),
    };
    table.extend([0; 4]);
    let entry = |cluster: u64| -> Result<u64> {
        let at = usize::try_from(cluster * bits / 8)?;
        let shift = if bits == 12 && cluster % 2 == 1 { 4 } else { 0 };
        Ok(number(&table, at, 4) >> shift & mask)
    };
    let bad = mask - 8;
    let mut used = Vec::new();
    for cluster in 2..count + 2 {
        let entry = entry(cluster)?;
        used.push(entry != 0 && entry != bad);
    }
    let told = run(command(["fsck.fat", "-n"]).arg(image))?;
    let counted = used.iter().filter(|used| **used).count();
    ensure!(
        told.contains(&format!(" {counted}/{count} clusters")),
        "the table has {counted} of {count} clusters, fsck.fat says {told}"
    );
    Ok(Oracle {
        start,
        cluster_bytes,
        used,
    })
}

/// The bitmap where dump.exfat says that it is; dump.exfat counts as many.
fn exfat(image: &Path) -> Result<Oracle> {
    let told = run(command(["dump.exfat"]).arg(image))?;
    let value = |name: &str| -> Result<u64> {
        let line = told.lines().find(|line| line.starts_with(name));
        let text = line
            .and_then(|line| line.rsplit(':').next())
            .context("dump.exfat says too little")?;
        Ok(text.trim().parse()?)
    };
    let sector = 1u64 << value("Sector Size Bits")?;
    let (cluster_bytes, count) = (value("Cluster size")?, value("Total Clusters")?);
    let start = value("Cluster Heap Offset")? * sector;
    let mut bitmap = vec![0; usize::try_from(value("Bitmap size")?)?];
    File::open(image)?.read_exact_at(
        &mut bitmap,
        start + (value("Bitmap start cluster")? - 2) * cluster_bytes,
    )?;
    let used = bits(&bitmap, count)?;
    let counted = used.iter().filter(|used| **used).count() as u64;
    let free = value("Free Clusters")?;
    ensure!(
        counted + free == count,
        "the bitmap has {counted} of {count} clusters, dump.exfat calls {free} free"
    );
    Ok(Oracle {
        start,
        cluster_bytes,
        used,
    })
}

/// $Bitmap as ntfscat reads it.
fn ntfs(image: &Path) -> Result<Oracle> {
    let told = run(command(["ntfsinfo", "-f", "-m"]).arg(image))?;
    let value = |name: &str| -> Result<u64> {
        let line = told.lines().find_map(|line| line.trim().strip_prefix(name));
        Ok(line.context("ntfsinfo says too little")?.trim().parse()?)
    };
    let bitmap = finish(command(["ntfscat", "-f"]).arg(image).arg("$Bitmap"))?.stdout;
    Ok(Oracle {
        start: 0,
        cluster_bytes: value("Cluster Size:")?,
        used: bits(&bitmap, value("Volume Size in Clusters:")?)?,
    })
}

fn bits(bitmap: &[u8], count: u64) -> Result<Vec<bool>> {
    ensure!(bitmap.len() as u64 * 8 >= count, "the bitmap is too short");
    let count = usize::try_from(count)?;
    Ok((0..count)
        .map(|bit| bitmap[bit / 8] >> (bit % 8) & 1 == 1)
        .collect())
}
