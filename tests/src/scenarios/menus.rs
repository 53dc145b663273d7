//! What a machine without a job pays for network boot, what it offers at its menu, and what it does when it was woken.

use super::{GIB, by_hand};
use crate::{
    administrator::Administrator,
    firmware::Firmware,
    firmware_variables::NetworkBoot,
    machine::{Bus, Machine, Parts},
    master::Table,
    network::Segment,
    process::wait_until,
    scripted::MagicPacket,
    stage::{READY, Stage},
};
use anyhow::{Context, Result, ensure};
use protocol::{
    ByteLen,
    disk::{DiskFacts, DiskIdentity},
};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The organisation: the root of all places.
const ROOT: &str = "00000000-0000-7000-8000-000000000001";
/// How long a menu or a chosen entry may take to appear.
const DRAWN: Duration = Duration::from_secs(120);
/// How long a job of one look at the machine may take.
const JOB: Duration = Duration::from_secs(90);
/// What every machine may pay daily.
const DAILY_COST: Duration = Duration::from_secs(8);
const PASSWORD: &str = "amorce 12!";

/// In each firmware a person chooses by keys; labels in French, one of them hostile. Under Secure Boot the entry wants a
/// password, which is typed on a French keyboard in our agent.
pub fn menu(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance()?;
    let administrator = appliance.administrator();
    let mut settings = administrator.show("/settings")?;
    settings["language"] = json!("en");
    administrator.put("/settings", &settings)?.expect_success()?;
    let entry =
        |key: &str, label: &str, action: Value| json!({ "key": key, "label": label, "action": action });
    let inspect = json!({ "kind": "job", "steps": [{ "kind": "inspect" }] });
    let mut locked = entry("locked", "Réservé aux techniciens", inspect.clone());
    locked["locked"] = json!(true);
    locked["password"] = json!(PASSWORD);
    let program = json!({ "kind": "program", "file": "not-there.efi", "unsigned": true });
    let menu = json!({
        "settings": { "title": "Lycée – salle 12", "waits": true, "keyboard": "fr" },
        "entries": [
            entry("local-disk", "Démarrer le disque", json!({ "kind": "local-disk" })),
            entry("inventory", "L'inventaire\"; reboot #${x}", inspect),
            locked,
            entry("not-there", "Absent", program),
        ],
    });
    let whole = administrator
        .put(&format!("/places/{ROOT}/menu"), &menu)?
        .expect_success()?;
    ensure!(
        !whole.to_string().contains(PASSWORD) && !whole.to_string().contains("argon2"),
        "the answer tells the password: {whole}"
    );

    let mut bios = known(stage, Parts::new("menu-bios", Firmware::Bios, 1), false)?;
    bios.switch_on(stage.network())?;
    draw(stage, &mut bios, "L'inventaire'")?;
    bios.monitor()?.press("down")?;
    bios.monitor()?.press("ret")?;
    bios.wait_for("amorce: ready", READY)?;
    expect_job(stage, administrator, &bios, "L'inventaire\"; reboot #${x}")?;
    appliance.wait_for_log("inventory was chosen in the menu of iPXE")?;
    bios.switch_off();

    let mut secure = known(stage, Parts::new("menu-secure", Firmware::SecureBoot, 2), false)?;
    secure.switch_on(stage.network())?;
    draw(stage, &mut secure, "Reserve aux techniciens (password)")?;
    for key in ["down", "down", "ret"] {
        secure.monitor()?.press(key)?;
    }
    appliance.wait_for_log("locked was chosen in the menu of grub")?;
    let prompt = "type the password";
    secure.wait_for(prompt, READY)?;
    type_french(&mut secure, "wrong\n")?;
    secure.wait_for("the password is wrong", DRAWN)?;
    secure.wait_for(prompt, DRAWN)?;
    type_french(&mut secure, &format!("{PASSWORD}\n"))?;
    expect_job(stage, administrator, &secure, "Réservé aux techniciens")?;
    let text = secure.console().text()?;
    ensure!(
        text.contains("Secure boot enabled"),
        "the kernel does not say that Secure Boot is enabled"
    );
    for machine in [&bios, &secure] {
        let text = machine.console().text()?;
        ensure!(!text.contains("Absent"), "an entry without its file was drawn");
        ensure!(!text.contains(PASSWORD), "the password is on a screen");
    }
    let log = appliance.log()?;
    ensure!(!log.contains(PASSWORD), "the password is in the log");
    appliance.stop()
}

/// Waits until the menu stands, and keeps a picture of it.
fn draw(stage: &Stage, machine: &mut Machine, text: &str) -> Result<()> {
    let begin = Instant::now();
    machine.wait_for(text, DRAWN)?;
    let picture = stage.evidence().join(format!("{}.ppm", machine.parts().name));
    machine.monitor()?.take_picture(&picture)?;
    stage.say(&format!(
        "{} shows its menu after {:.1} s",
        machine.parts().name,
        begin.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The job that the chosen entry made is done.
fn expect_job(stage: &Stage, administrator: &Administrator, machine: &Machine, title: &str) -> Result<()> {
    let id = administrator.machine_id(machine.parts().mac())?;
    let found = wait_until("the chosen entry made a job", JOB, || {
        let page = administrator.show("/jobs?limit=100")?;
        let jobs = page["items"].as_array().cloned().unwrap_or_default();
        Ok(jobs.into_iter().find(|job| job["title"] == json!(title)))
    })?;
    let job = found["id"].as_str().context("a job without id")?;
    let row = administrator.wait_done(job, JOB)?;
    ensure!(
        row["machine"]["id"] == json!(id) || row["machine"] == json!(id),
        "the job is another machine's: {row}"
    );
    stage.say(&format!("{}: the job {title:?} is done", machine.parts().name));
    Ok(())
}

/// Presses the keys that bear these characters on a French keyboard.
fn type_french(machine: &mut Machine, text: &str) -> Result<()> {
    for character in text.chars() {
        let (key, shift) = match character {
            'a' => ("q", false),
            'q' => ("a", false),
            'w' => ("z", false),
            'z' => ("w", false),
            'm' => ("semicolon", false),
            ' ' => ("spc", false),
            '!' => ("slash", false),
            '\n' => ("ret", false),
            '1' => ("1", true),
            '2' => ("2", true),
            'b'..='y' => (LETTERS[usize::from(character as u8 - b'a')], false),
            other => anyhow::bail!("nobody types {other:?} here"),
        };
        let keys: Vec<&str> = shift.then_some("shift").into_iter().chain([key]).collect();
        machine.monitor()?.press_together(&keys)?;
    }
    Ok(())
}

const LETTERS: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
    "v", "w", "x", "y", "z",
];

/// The same machine and disk with network boot off and on, until the disk's kernel runs.
pub fn local_disk(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance()?;
    // Two names of each, or the second would find on its serial line what the first has said.
    for (name, alone, number, firmware) in [
        ("bios", "bios-alone", 1, Firmware::Bios),
        ("uefi", "uefi-alone", 2, Firmware::Uefi),
    ] {
        let disk = stage.master_disk(name, Table::Gpt)?;
        let parts = |name, network_boot| {
            let mut parts = Parts::new(name, firmware, number).with_disk(Bus::Virtio, disk.clone());
            parts.network_boot = network_boot;
            parts
        };
        let mut machine = stage.plug_in(parts(alone, NetworkBoot::Off))?;
        let without = to_kernel(stage, &mut machine)?;
        drop(machine);
        let mut machine = known(stage, parts(name, NetworkBoot::Pxe), true)?;
        let with = to_kernel(stage, &mut machine)?;
        let cost = with.saturating_sub(without);
        let said = machine.console().text()?;
        let way = match firmware {
            Firmware::Bios => said.lines().find(|line| line.contains("Booting from Hard Disk")),
            _ => said.lines().find(|line| line.contains("Amorce: starting (hd")),
        };
        let way = way.context("nothing says how the disk was started")?;
        // What iPXE has painted over stands before it on the same line.
        let way = way.rsplit('\u{8}').next().unwrap_or(way).trim();
        stage.say(&format!(
            "{name}: {:.1} s with network boot off, {:.1} s with it on: {:.1} s more; way to the disk: {}",
            without.as_secs_f64(),
            with.as_secs_f64(),
            cost.as_secs_f64(),
            match firmware {
                Firmware::Bios => format!("iPXE's exit, then {way:?}"),
                _ => format!("grub chains, {way:?}"),
            }
        ));
        ensure!(!said.contains("amorce: "), "it met our agent");
        ensure!(
            cost <= DAILY_COST,
            "network boot costs {:.1} s at each start of the machine",
            cost.as_secs_f64()
        );
        machine.switch_off();
    }
    appliance.wait_for_log("no job for this machine")?;
    appliance.stop()
}

/// From the power button to the first line of the kernel on the disk.
fn to_kernel(stage: &Stage, machine: &mut Machine) -> Result<Duration> {
    let begin = Instant::now();
    machine.switch_on(stage.network())?;
    machine.wait_for("Linux version", READY)?;
    Ok(begin.elapsed())
}

/// The packet is seen on every network; the machine that it names is then switched on, as QEMU's adapters cannot do it
/// themselves. Its menu has another default for that boot: a job, which is done; the boot says that it woke.
pub fn wol_default(stage: &mut Stage) -> Result<()> {
    stage.change_network(|network, evidence| network.add_second_interface(evidence))?;
    let appliance = stage.start_appliance()?;
    let administrator = appliance.administrator();
    let disk = stage.blank_disk("B1", GIB)?;
    let parts = Parts::new("sleeper", Firmware::Uefi, 1).with_disk(Bus::Virtio, disk);
    let mut machine = known(stage, parts, true)?;
    let id = administrator.machine_id(machine.parts().mac())?;
    let title = "Inventory of the night";
    let menu = json!({
        "settings": { "waits": true, "wake_default": "night", "wake_timeout_seconds": 1 },
        "entries": [
            { "key": "night", "label": title, "action": { "kind": "job", "steps": [{ "kind": "inspect" }] } },
        ],
    });
    administrator
        .put(&format!("/machines/{id}/menu"), &menu)?
        .expect_success()?;
    let mac = machine.parts().mac();
    let watched = [Segment::Site, Segment::Second]
        .map(|segment| MagicPacket::watch(stage.network(), segment, mac).map(|watch| (segment, watch)));
    let sent = administrator
        .post(&format!("/machines/{id}/wake"), &json!({}))?
        .expect_success()?;
    for watch in watched {
        let (segment, watch) = watch?;
        watch.wait()?;
        stage.say(&format!("the magic packet was seen on the network {segment:?}"));
    }
    stage.say(&format!("{} packets were sent", sent["packets"]));
    machine.switch_on(stage.network())?;
    machine.wait_for("amorce: ready", READY)?;
    expect_job(stage, administrator, &machine, title)?;
    let boots = administrator.show(&format!("/machines/{id}/boots"))?.to_string();
    for words in [
        "after it was called by Wake-on-LAN",
        "night was chosen in the menu of grub",
    ] {
        ensure!(boots.contains(words), "its boot does not say {words:?}: {boots}");
    }
    let at = boots.find("woke ").context("it does not say when it woke")?;
    stage.say(boots[at..].split('"').next().unwrap_or_default());
    machine.switch_off();
    appliance.stop()
}

/// The memory test of Debian's package, chosen by keys, paints the screens of both firmwares blue.
pub fn memory_test(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance()?;
    let menu = json!({
        "settings": { "waits": true },
        "entries": [{ "key": "memory", "label": "Memory test", "action": { "kind": "memory-test" } }],
    });
    appliance
        .administrator()
        .put(&format!("/places/{ROOT}/menu"), &menu)?
        .expect_success()?;
    for (name, number, firmware, loader) in [
        ("memory-bios", 1, Firmware::Bios, "iPXE"),
        ("memory-uefi", 2, Firmware::Uefi, "grub"),
    ] {
        let begin = Instant::now();
        let mut machine = known(stage, Parts::new(name, firmware, number), true)?;
        machine.switch_on(stage.network())?;
        machine.wait_for("Memory test", DRAWN)?;
        for key in ["down", "ret"] {
            machine.monitor()?.press(key)?;
        }
        appliance.wait_for_log(&format!("memory was chosen in the menu of {loader}"))?;
        let picture = stage.evidence().join(format!("{name}.ppm"));
        wait_until("the memory test paints its screen", DRAWN, || {
            machine.monitor()?.take_picture(&picture)?;
            let bytes = fs::read(&picture).context("QEMU took no picture")?;
            Ok(is_much_blue(&bytes).then_some(()))
        })?;
        stage.say(&format!(
            "{name}: the memory test runs after {:.1} s",
            begin.elapsed().as_secs_f64()
        ));
        machine.switch_off();
    }
    appliance.stop()
}

/// Whether more than a tenth of a picture (PPM, three bytes each) is the memory test's ground, which is small on a large
/// screen; firmware and loaders draw on black, but for iPXE's menu, which is gone when the entry is asked for.
fn is_much_blue(picture: &[u8]) -> bool {
    let (pixels, _) = picture.as_chunks::<3>();
    // The head of a few bytes moves the pixels' places, and with them which of three bytes is blue: one colour of one
    // bright and two dark bytes is all that is asked.
    let blue = pixels
        .iter()
        .filter(|pixel| {
            pixel.iter().filter(|byte| **byte >= 0x80).count() == 1
                && pixel.iter().filter(|byte| **byte == 0).count() == 2
        })
        .count();
    blue * 10 > pixels.len()
}

/// A machine that is on record: its agent's first words are enough.
fn known(stage: &mut Stage, parts: Parts, bootable: bool) -> Result<Machine> {
    let token = by_hand::boot_token(stage, parts.mac())?;
    let mut words = by_hand::hello(&token, &parts);
    let identity = DiskIdentity {
        serial: Some("ON-RECORD".into()),
        size: ByteLen(GIB),
        ..DiskIdentity::default()
    };
    let disk = DiskFacts {
        bootable,
        ..DiskFacts::internal("vda", identity)
    };
    words["facts"]["disks"] = json!([disk]);
    by_hand::agent(stage, "POST", "/hello", None, Some(&words))?.expect_success()?;
    stage.plug_in(parts)
}
