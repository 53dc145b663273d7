//! Filesystems that the build machine's kernel does not know: aged, mounted and hashed in a machine with Debian's kernel,
//! captured and restored, compared with what their own tools say bit by bit.

use super::oracle::{Clusters, Oracle};
use crate::{
    disk::Disk,
    master::{copy_into, partition},
    process::{command, run},
    stage::Stage,
    workshop::{Kernel, run_script},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

const MIB: u64 = 1 << 20;
const JUNK: u8 = 0xA5;
const NAME: &str = "aged";
const WORKER: &str = include_str!("ageing.sh");

/// One partition of the disk.
struct Case {
    filesystem: Filesystem,
    /// What its maker is told.
    options: &'static [&'static str],
    megabytes: u64,
    life: Life,
}

/// Of which kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filesystem {
    Fat,
    Exfat,
    Ntfs,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Files come, grow and go, until it is full and a second time; then it is unmounted.
    Aged,
    /// The power fails while it is mounted, after all was synced.
    CutOff,
}

impl Filesystem {
    const fn mounted_as(self) -> &'static str {
        match self {
            Self::Fat => "vfat",
            Self::Exfat => "exfat",
            Self::Ntfs => "ntfs3",
        }
    }

    fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Fat => &["fat", "vfat", "nls_cp437", "nls_ascii"],
            Self::Exfat => &["exfat"],
            Self::Ntfs => &["ntfs3"],
        }
    }

    fn make(self, options: &[&str], image: &Path) -> Result<()> {
        let words: &[&str] = match self {
            Self::Fat => &["mkfs.fat"],
            Self::Exfat => &["mkfs.exfat"],
            Self::Ntfs => &[
                "mkntfs", "-q", "-F", "-f", "-s", "512", "-p", "2048", "-H", "16", "-S", "63",
            ],
        };
        run(command(words).args(options).arg(image)).map(drop)
    }

    /// Its own tool finds nothing wrong.
    fn check(self, image: &Path) -> Result<()> {
        let words: &[&str] = match self {
            Self::Fat => &["fsck.fat", "-n"],
            Self::Exfat => &["fsck.exfat", "-n"],
            Self::Ntfs => &["ntfsfix", "-n"],
        };
        run(command(words).arg(image)).map(drop)
    }
}

const fn aged(filesystem: Filesystem, options: &'static [&'static str], megabytes: u64) -> Case {
    Case {
        filesystem,
        options,
        megabytes,
        life: Life::Aged,
    }
}

const fn cut_off(filesystem: Filesystem, options: &'static [&'static str], megabytes: u64) -> Case {
    Case {
        filesystem,
        options,
        megabytes,
        life: Life::CutOff,
    }
}

/// Every day: one of each kind, all on one disk.
const FEW: &[Case] = &[
    aged(Filesystem::Fat, &["-F", "12"], 8),
    aged(Filesystem::Fat, &["-F", "16"], 24),
    aged(Filesystem::Fat, &["-F", "32", "-s", "1"], 40),
    aged(Filesystem::Exfat, &[], 32),
    cut_off(Filesystem::Fat, &["-F", "32", "-s", "1"], 40),
    cut_off(Filesystem::Exfat, &["-c", "512"], 20),
];

const FAT: &[Case] = &[
    aged(Filesystem::Fat, &["-F", "12"], 5),
    aged(Filesystem::Fat, &["-F", "12", "-s", "1", "-f", "1"], 2),
    aged(Filesystem::Fat, &["-F", "12", "-s", "64", "-r", "224"], 100),
    aged(Filesystem::Fat, &["-F", "12", "-S", "4096"], 40),
    aged(Filesystem::Fat, &["-F", "16", "-s", "1"], 20),
    aged(Filesystem::Fat, &["-F", "16", "-s", "8", "-r", "1024"], 120),
    aged(Filesystem::Fat, &["-F", "16", "-s", "64", "-f", "1"], 300),
    aged(Filesystem::Fat, &["-F", "16", "-s", "128"], 400),
    aged(Filesystem::Fat, &["-F", "32", "-s", "1", "-R", "64"], 36),
    aged(Filesystem::Fat, &["-F", "32", "-s", "2", "-a"], 100),
    aged(Filesystem::Fat, &["-F", "32", "-s", "8"], 300),
    aged(Filesystem::Fat, &["-F", "32", "-S", "4096", "-s", "1"], 300),
    cut_off(Filesystem::Fat, &["-F", "16"], 40),
    cut_off(Filesystem::Fat, &["-F", "32"], 300),
];

const EXFAT: &[Case] = &[
    aged(Filesystem::Exfat, &["-c", "512"], 10),
    aged(Filesystem::Exfat, &["-c", "4096"], 60),
    aged(Filesystem::Exfat, &["-c", "32K"], 200),
    aged(Filesystem::Exfat, &["-c", "128K", "-b", "65536"], 200),
    aged(Filesystem::Exfat, &["-c", "1M"], 300),
    aged(Filesystem::Exfat, &["-b", "16M"], 200),
    cut_off(Filesystem::Exfat, &[], 60),
];

const NTFS: &[Case] = &[
    aged(Filesystem::Ntfs, &[], 60),
    aged(Filesystem::Ntfs, &["-c", "512"], 40),
    aged(Filesystem::Ntfs, &["-c", "2048"], 60),
    aged(Filesystem::Ntfs, &["-c", "16384"], 120),
    aged(Filesystem::Ntfs, &["-c", "65536"], 300),
];

/// The small set: the kernel of the release.
pub fn few(stage: &mut Stage) -> Result<()> {
    prove(stage, Kernel::Stable, FEW)
}

/// All FAT, in both kernels.
pub fn fat(stage: &mut Stage) -> Result<()> {
    prove(stage, Kernel::Stable, FAT)?;
    prove(stage, Kernel::Backports, FAT)
}

/// All exFAT, in both kernels.
pub fn exfat(stage: &mut Stage) -> Result<()> {
    prove(stage, Kernel::Stable, EXFAT)?;
    prove(stage, Kernel::Backports, EXFAT)
}

/// NTFS: only the newer kernel writes it.
pub fn ntfs(stage: &mut Stage) -> Result<()> {
    prove(stage, Kernel::Backports, NTFS)
}

/// Hashes by partition and path.
type Hashes = BTreeMap<String, String>;

fn prove(stage: &Stage, kernel: Kernel, cases: &[Case]) -> Result<()> {
    let scratch = tempfile::tempdir_in(stage.scratch()).context("cannot make a working folder")?;
    let disk = make_disk(scratch.path(), cases)?;
    let before = hashes(&work(stage, kernel, cases, &disk, true)?);
    ensure!(
        before.len() > cases.len() * 2,
        "only {} files were hashed",
        before.len()
    );
    stage.say(&format!(
        "{kernel:?}: {} partitions aged, {} files",
        cases.len(),
        before.len()
    ));

    let store = scratch.path().join("store");
    let imager = || command([&stage.tools().imager]);
    run(imager().arg("init").arg(&store))?;
    let told = run(imager()
        .args(["capture", "--json", "--name", NAME, "--store"])
        .args([&store, disk.path()]))?;
    let counts: Value = serde_json::from_str(&told).context("the imager told no object")?;
    // What the target held must not come through, and shows what was left alone.
    let copy = Disk::blank(scratch.path(), "RESTORED", size(cases))?;
    fill_with_junk(&copy)?;
    run(imager()
        .args(["restore", NAME])
        .arg(copy.path())
        .arg("--store")
        .arg(&store))?;
    stage.say(&format!(
        "captured and restored: {} bytes used of {}",
        counts["bytes_used"],
        size(cases)
    ));

    for (number, (case, start)) in (1..).zip(places(cases)) {
        let name = format!("{} {:?}", case.filesystem.mounted_as(), case.options);
        let part =
            |disk: &Disk, to: &str| cut_out(disk, start, case.megabytes * MIB, &scratch.path().join(to));
        let (source, restored) = (part(&disk, "source.img")?, part(&copy, "restored.img")?);
        if case.life == Life::Aged {
            case.filesystem.check(&restored).with_context(|| name.clone())?;
            let oracle = Oracle::of(case.filesystem.mounted_as(), &source).with_context(|| name.clone())?;
            let Clusters { used, lost, extra } = oracle
                .compare(&source, &restored, JUNK)
                .with_context(|| name.clone())?;
            stage.say(&format!(
                "{name}: {used} clusters used, {lost} lost, {extra} kept beyond them"
            ));
            ensure!(lost == 0, "{name}: {lost} used clusters did not come back");
            ensure!(extra == 0, "{name}: {extra} free clusters were kept");
        }
        let folder = scratch.path().join("files");
        run(imager()
            .args(["files", NAME, &number.to_string(), "/", "--store"])
            .arg(&store)
            .arg("--to")
            .arg(&folder))
        .with_context(|| name.clone())?;
        let listed = "cd \"$1\"; find . -type f -print0 | xargs -0 sha256sum";
        let prefix = format!("vda{number} ");
        let told = run(command(["sh", "-c", listed, "sh"]).arg(&folder))?;
        let told: Vec<String> = told.lines().map(|line| format!("{prefix}{line}")).collect();
        let ours = hashes(&told.join("\n"));
        fs::remove_dir_all(&folder)?;
        let kernels: Hashes = before
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .map(own)
            .collect();
        ensure_same(&kernels, &ours)
            .with_context(|| format!("{name}: as our own reader copies its files out"))?;
    }
    let after = hashes(&work(stage, kernel, cases, &copy, false)?);
    ensure_same(&before, &after).context("as the kernel reads the restored disk")?;
    stage.say(&format!("{} files have the same hashes", after.len()));
    Ok(())
}

fn own((path, hash): (&String, &String)) -> (String, String) {
    (path.clone(), hash.clone())
}

/// Where each partition begins.
fn places(cases: &[Case]) -> impl Iterator<Item = (&Case, u64)> {
    cases.iter().scan(MIB, |next, case| {
        let start = *next;
        *next += case.megabytes * MIB;
        Some((case, start))
    })
}

fn size(cases: &[Case]) -> u64 {
    cases.iter().map(|case| case.megabytes).sum::<u64>() * MIB + 2 * MIB
}

fn make_disk(scratch: &Path, cases: &[Case]) -> Result<Disk> {
    let disk = Disk::blank(scratch, "SOURCE", size(cases))?;
    let mut table = "label: gpt\n".to_owned();
    for (case, start) in places(cases) {
        table += &format!(
            "start={}KiB, size={}MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n",
            start / 1024,
            case.megabytes
        );
    }
    partition(disk.path(), &table)?;
    let file = File::options().read(true).write(true).open(disk.path())?;
    let image = scratch.join("made.img");
    for (case, start) in places(cases) {
        let _ = fs::remove_file(&image);
        File::create(&image)?.set_len(case.megabytes * MIB)?;
        case.filesystem.make(case.options, &image)?;
        copy_into(&file, start, &image)?;
    }
    Ok(disk)
}

/// Has a machine age the partitions, or only read them.
fn work(stage: &Stage, kernel: Kernel, cases: &[Case], disk: &Disk, first: bool) -> Result<String> {
    let mut script = WORKER.to_owned();
    let mut modules: Vec<&str> = cases
        .iter()
        .flat_map(|case| case.filesystem.modules())
        .copied()
        .collect();
    modules.sort_unstable();
    modules.dedup();
    // Those that the power cuts off come last: they stay mounted.
    for life in [Life::Aged, Life::CutOff] {
        for (number, case) in (1..).zip(cases).filter(|(_, case)| case.life == life) {
            let (kind, bytes) = (case.filesystem.mounted_as(), case.megabytes * MIB);
            let line = match (first, life) {
                (false, _) => format!("hash vda{number} {kind} ro"),
                (true, Life::CutOff) => format!("cut_off vda{number} {kind} rw {}", bytes / 8),
                // Filling the large ones to the brim would take the emulator too long.
                (true, Life::Aged) => format!(
                    "age vda{number} {kind} rw 90 {} {}",
                    (bytes / 200).min(120_000),
                    if case.megabytes <= 40 { "brim" } else { "loose" }
                ),
            };
            script += &format!("{line}\n");
        }
    }
    let name = format!(
        "{}-{}",
        if first { "ageing" } else { "reading" },
        format!("{kernel:?}").to_lowercase()
    );
    run_script(stage, &name, kernel, &modules, disk, &script)
}

/// Understands `vda1 HASH  ./path` line by line.
fn hashes(text: &str) -> Hashes {
    text.lines()
        .filter(|line| line.starts_with("vda"))
        .filter_map(|line| {
            let (partition, rest) = line.split_once(' ')?;
            let (hash, path) = rest.split_once("  ./")?;
            Some((format!("{partition} {path}"), hash.to_owned()))
        })
        .collect()
}

fn ensure_same(one: &Hashes, other: &Hashes) -> Result<()> {
    let only = |left: &Hashes, right: &Hashes| -> Vec<String> {
        left.iter()
            .filter(|(path, hash)| right.get(*path) != Some(hash))
            .map(|(path, _)| path.clone())
            .take(5)
            .collect()
    };
    let (here, there) = (only(one, other), only(other, one));
    ensure!(
        here.is_empty() && there.is_empty(),
        "files differ: {here:?} of {}, {there:?} of {}",
        one.len(),
        other.len()
    );
    Ok(())
}

fn fill_with_junk(disk: &Disk) -> Result<()> {
    let file = File::options().write(true).open(disk.path())?;
    let junk = vec![JUNK; MIB as usize];
    for at in (0..file.metadata()?.len()).step_by(junk.len()) {
        file.write_all_at(&junk, at)?;
    }
    Ok(())
}

/// A partition as a file of its own.
fn cut_out(disk: &Disk, start: u64, length: u64, to: &Path) -> Result<std::path::PathBuf> {
    run(command(["dd", "bs=1M", "conv=sparse", "status=none"])
        .arg(format!("if={}", disk.path().display()))
        .arg(format!("of={}", to.display()))
        .arg(format!("skip={}", start / MIB))
        .arg(format!("count={}", length / MIB)))?;
    Ok(to.to_owned())
}
