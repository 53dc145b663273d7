//! A disk that is not captured as it is: the refusal tells a person what to do, and the options that it names are taken.

use super::roundtrip::JOB;
use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::{copy_into, partition},
    process::{command, finish, run},
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const MIB: u64 = 1 << 20;
const PARTITION_MIB: u64 = 64;
const LETTER: &[u8] = b"To whom it may concern";

/// A hibernated Windows: refused with the remedy; captured without its session; captured whole.
pub fn play(stage: &mut Stage) -> Result<()> {
    let disk = stage.blank_disk("ASLEEP", (PARTITION_MIB + 4) * MIB)?;
    let scratch = tempfile::tempdir_in(stage.scratch())?;
    fall_asleep(disk.path(), scratch.path())?;
    let before = disk.digest()?;
    let mut data = PathBuf::new();
    let appliance = stage.start_appliance_with(|folder| {
        data = folder.to_owned();
        Ok(())
    })?;
    let administrator = appliance.administrator();
    let mut machine =
        stage.plug_in(Parts::new("asleep", Firmware::Bios, 1).with_disk(Bus::Virtio, disk.clone()))?;
    stage.boot_to_ready(&mut machine)?;
    let id = administrator.machine_id(machine.parts().mac())?;

    let plain = json!([{ "kind": "capture", "master": "asleep" }]);
    let job = administrator.create_job(&id, &plain)?;
    let row = administrator.wait_for_job(&job, "is refused", JOB, |row| row["state"] == "failed")?;
    let problem = &row["problem"];
    stage.say(&format!("refused: {problem}"));
    ensure!(
        problem["code"] == "refused",
        "the problem's code is {}",
        problem["code"]
    );
    let told = problem.to_string();
    ensure!(
        told.contains("hibernated") && told.contains("shut it down completely"),
        "the refusal does not say what to do: {told}"
    );
    ensure!(
        !told.contains("--"),
        "the page would show options of a command: {told}"
    );

    for (master, option) in [("dropped", "drop_hibernation"), ("whole", "as_raw")] {
        let mut step = json!({ "kind": "capture", "master": master });
        step[option] = true.into();
        let job = administrator.create_job(&id, &json!([step]))?;
        administrator.wait_done(&job, JOB)?;
        stage.say(&format!("captured with {option}"));
    }
    ensure!(disk.digest()? == before, "the source was written");
    machine.switch_off();
    appliance.stop()?;

    let restore = |master: &str| -> Result<PathBuf> {
        let target = scratch.path().join(format!("{master}.img"));
        run(command([&stage.tools().imager])
            .args(["restore", master])
            .arg(&target)
            .arg("--store")
            .arg(data.join("depot")))?;
        Ok(target)
    };
    let part = |image: &Path| -> Result<PathBuf> {
        let part = image.with_extension("part");
        run(command(["dd", "bs=1M", "skip=1", "status=none", "conv=sparse"])
            .arg(format!("count={PARTITION_MIB}"))
            .arg(format!("if={}", image.display()))
            .arg(format!("of={}", part.display())))?;
        Ok(part)
    };
    let whole = fs::read(part(&restore("whole")?)?)?;
    ensure!(
        whole == fs::read(part(disk.path())?)?,
        "kept whole, the partition differs"
    );
    let dropped = part(&restore("dropped")?)?;
    let read = |name: &str| -> Result<Vec<u8>> {
        let output = finish(command(["ntfscat", "-f"]).arg(&dropped).arg(name))?;
        ensure!(output.status.success(), "ntfscat cannot read {name}");
        Ok(output.stdout)
    };
    ensure!(read("letter.txt")? == LETTER, "a file has not come back");
    let session = read("hiberfil.sys")?;
    ensure!(
        session.len() == 1 << 20 && session.iter().all(|byte| *byte == 0),
        "the session was not left out"
    );
    stage.say("without its session the files are there; kept whole, every byte is");
    Ok(())
}

/// Makes a disk with an NTFS that a system was suspended to.
fn fall_asleep(disk: &Path, scratch: &Path) -> Result<()> {
    partition(
        disk,
        &format!(
            "label: gpt\nstart=1MiB, size={PARTITION_MIB}MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
        ),
    )?;
    let image = scratch.join("asleep.img");
    File::create(&image)?.set_len(PARTITION_MIB * MIB)?;
    run(command([
        "mkntfs", "-q", "-F", "-f", "-s", "512", "-p", "2048", "-H", "16", "-S", "63",
    ])
    .arg(&image))?;
    let mut session = vec![0x5A; 1 << 20];
    session[..4].copy_from_slice(b"HIBR");
    // The session last: afterwards nobody may change anything there.
    for (name, bytes) in [("letter.txt", LETTER), ("hiberfil.sys", session.as_slice())] {
        let source = scratch.join(name);
        fs::write(&source, bytes)?;
        run(command(["ntfscp", "-f", "-q"]).arg(&image).arg(&source).arg(name))?;
    }
    let file = File::options().read(true).write(true).open(disk)?;
    copy_into(&file, MIB, &image).context("cannot put the partition on the disk")
}
