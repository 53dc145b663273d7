//! How the last boots of each machine went, step by step.
//!
//! Held in memory and written down every few seconds: a boot makes a dozen entries within a second, and none of them is
//! worth a write to the disk. A bounded number of machines; who was silent longest is forgotten first.

use super::way::Ways;
use crate::{Catalog, error::Result, time::Time};
use protocol::mac::MacAddr;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

/// Adapters, boots of an adapter, and entries of a boot that are kept.
const ADAPTERS: usize = 2048;
const BOOTS: usize = 5;
const ENTRIES: usize = 80;
/// Characters of an entry.
const LONGEST_TEXT: usize = 300;
/// A machine that looks for servers after this silence was switched on again; one that loads iPXE looks twice.
const SAME_BOOT: Duration = Duration::from_secs(30);
/// A boot within this after a call is its effect.
const WAKES_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Silence after which a boot that stopped in the middle is called stopped.
const STOPPED: Duration = Duration::from_secs(20);

/// One boot of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// Its first packet.
    pub begun_at: Time,
    /// What happened, in order.
    pub entries: Vec<BootEntry>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEntry {
    /// When.
    pub at: Time,
    /// What kind of thing.
    pub step: BootStep,
    /// The address that the machine spoke from, if it has one.
    pub address: Option<Ipv4Addr>,
    /// In words.
    pub text: String,
}

/// The kinds of things that happen, as far as a diagnosis needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootStep {
    /// It looked for servers and was offered a file.
    Offered,
    /// It looked for servers and got no offer of ours.
    NotServed,
    /// It took an address.
    AddressTaken,
    /// It asked port 4011.
    BootServer,
    /// It loaded something to the end.
    Loaded,
    /// What it loaded stopped in the middle.
    Stopped,
    /// It was told what to do.
    Told,
    /// Anything else.
    Other,
}

impl Boot {
    /// Where this boot stopped and what is likely, if it stopped.
    #[must_use]
    pub fn diagnosis(&self, now: Time) -> Option<&'static str> {
        let last = self.entries.last()?;
        if now.since(last.at) < STOPPED {
            return None;
        }
        let step = self
            .entries
            .iter()
            .rev()
            .map(|entry| entry.step)
            .find(|step| *step != BootStep::Other)?;
        match step {
            BootStep::Offered => Some(
                "it was offered a boot file and took nothing: no DHCP server gave it an address, its firmware ignores \
                 proxies, or a switch drops our offers (DHCP snooping)",
            ),
            BootStep::AddressTaken => Some(
                "it has an address and asked for no boot file: firmware before 2017, another server's boot options, or \
                 UDP ports 4011 and 69 are blocked on the way",
            ),
            BootStep::BootServer => Some(
                "it was told its boot file and did not load it: UDP port 69 is blocked on the way, or its firmware did \
                 not get the answer from port 4011",
            ),
            BootStep::Stopped => Some(
                "a file stopped in the middle: the machine was switched off, the cable or switch loses packets, or the \
                 way there has a smaller MTU",
            ),
            BootStep::NotServed => Some("there is nothing here that this machine could boot"),
            BootStep::Loaded | BootStep::Told | BootStep::Other => None,
        }
    }
}

/// The transcripts in memory.
#[derive(Debug, Default)]
pub(crate) struct Transcripts {
    adapters: HashMap<MacAddr, Vec<Boot>>,
    /// Adapters that were called, and when.
    woken: HashMap<MacAddr, Time>,
    /// Adapters whose boot of this moment is the effect of a call, and when it began.
    woke: HashMap<MacAddr, Time>,
    /// How machines are sent to their disks.
    pub(crate) ways: Ways,
    fresh: BTreeSet<MacAddr>,
    gone: BTreeSet<MacAddr>,
}

impl Transcripts {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare("SELECT mac, boots FROM boot_transcript")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut transcripts = Self {
            ways: Ways::load(connection)?,
            ..Self::default()
        };
        for row in rows {
            let (mac, boots) = row?;
            // A transcript that an older program wrote differently is no loss.
            if let (Ok(mac), Ok(boots)) = (mac.parse(), serde_json::from_str(&boots)) {
                transcripts.adapters.insert(mac, boots);
            }
        }
        Ok(transcripts)
    }

    /// Notes an entry. Whether a boot begins with it.
    fn note(&mut self, mac: MacAddr, entry: BootEntry) -> bool {
        if !self.adapters.contains_key(&mac) && self.adapters.len() >= ADAPTERS {
            let last = |boots: &Vec<Boot>| boots.last()?.entries.last().map(|entry| entry.at);
            let silent = self.adapters.iter().min_by_key(|(_, boots)| last(boots));
            if let Some(mac) = silent.map(|(mac, _)| *mac) {
                self.adapters.remove(&mac);
                self.fresh.remove(&mac);
                self.gone.insert(mac);
            }
        }
        let boots = self.adapters.entry(mac).or_default();
        let looks = matches!(entry.step, BootStep::Offered | BootStep::NotServed);
        let is_new = boots
            .last()
            .and_then(|boot| boot.entries.last())
            .is_none_or(|last| looks && entry.at.since(last.at) >= SAME_BOOT);
        if is_new {
            if boots.len() >= BOOTS {
                boots.remove(0);
            }
            boots.push(Boot {
                begun_at: entry.at,
                entries: Vec::new(),
            });
        }
        if let Some(boot) = boots.last_mut() {
            if boot.entries.len() >= ENTRIES {
                // The beginning says how it came here, the end how it goes on.
                boot.entries.remove(ENTRIES / 2);
            }
            boot.entries.push(entry);
        }
        self.gone.remove(&mac);
        self.fresh.insert(mac);
        is_new
    }
}

impl Catalog {
    /// Notes a step of a machine's boot, in memory.
    pub fn note_boot(&self, mac: MacAddr, step: BootStep, address: Option<Ipv4Addr>, text: &str) {
        let entry = BootEntry {
            at: self.now(),
            step,
            address,
            text: text
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST_TEXT)
                .collect(),
        };
        let mut transcripts = self.transcripts();
        let at = entry.at;
        let looks = matches!(entry.step, BootStep::Offered | BootStep::NotServed);
        if transcripts.note(mac, entry) {
            transcripts.woke.remove(&mac);
        }
        if looks
            && let Some(called) = transcripts.woken.remove(&mac)
            && at.since(called) < WAKES_WITHIN
        {
            transcripts.woke.insert(mac, at);
            let entry = BootEntry {
                at,
                step: BootStep::Other,
                address: None,
                text: format!(
                    "woke {} s after it was called by Wake-on-LAN",
                    at.since(called).as_secs()
                ),
            };
            transcripts.note(mac, entry);
        }
    }

    /// Notes that the magic packet was sent to an adapter: the boot that follows soon says so.
    pub fn note_wake(&self, mac: MacAddr) {
        let now = self.now();
        let mut transcripts = self.transcripts();
        if transcripts.woken.len() >= ADAPTERS {
            transcripts
                .woken
                .retain(|_, called| now.since(*called) < WAKES_WITHIN);
        }
        transcripts.woken.insert(mac, now);
    }

    /// Whether the boot that an adapter is in is the effect of a call.
    #[must_use]
    pub fn was_woken(&self, mac: MacAddr) -> bool {
        let now = self.now();
        let woke = self.transcripts().woke.get(&mac).copied();
        woke.is_some_and(|began| now.since(began) < WAKES_WITHIN)
    }

    pub(crate) fn forget_woken(&self, mac: MacAddr) {
        self.transcripts().woke.remove(&mac);
    }

    /// Whether an adapter was called within the last minutes and has not booted since.
    #[must_use]
    pub fn is_being_woken(&self, mac: MacAddr) -> bool {
        let now = self.now();
        let called = self.transcripts().woken.get(&mac).copied();
        called.is_some_and(|called| now.since(called) < WAKES_WITHIN)
    }

    /// The last boots of these adapters, the latest first, from memory.
    #[must_use]
    pub fn boots(&self, macs: &[MacAddr]) -> Vec<(MacAddr, Boot)> {
        let transcripts = self.transcripts();
        let mut boots: Vec<(MacAddr, Boot)> = macs
            .iter()
            .filter_map(|mac| Some((*mac, transcripts.adapters.get(mac)?)))
            .flat_map(|(mac, boots)| boots.iter().map(move |boot| (mac, boot.clone())))
            .collect();
        boots.sort_by_key(|(_, boot)| std::cmp::Reverse(boot.begun_at));
        boots
    }

    /// Writes down what was noted since the last time.
    pub(crate) fn flush_transcripts(&self) -> Result<()> {
        let (fresh, gone) = {
            let mut transcripts = self.transcripts();
            let macs = std::mem::take(&mut transcripts.fresh);
            let fresh: Vec<(MacAddr, String)> = macs
                .into_iter()
                .filter_map(|mac| Some((mac, serde_json::to_string(transcripts.adapters.get(&mac)?).ok()?)))
                .collect();
            (fresh, std::mem::take(&mut transcripts.gone))
        };
        if fresh.is_empty() && gone.is_empty() {
            return Ok(());
        }
        self.write(|writing| {
            for (mac, boots) in &fresh {
                writing.transaction.execute(
                    "INSERT OR REPLACE INTO boot_transcript (mac, at, boots) VALUES (?1, ?2, ?3)",
                    params![mac.to_string(), writing.now.0, boots],
                )?;
            }
            for mac in &gone {
                writing
                    .transaction
                    .execute("DELETE FROM boot_transcript WHERE mac = ?1", [mac.to_string()])?;
            }
            Ok(())
        })
    }

    pub(crate) fn transcripts(&self) -> MutexGuard<'_, Transcripts> {
        self.0.transcripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FirmwareLesson, ManualClock};
    use std::sync::Arc;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn open(path: &std::path::Path) -> (Catalog, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Time(1_700_000_000_000)));
        (Catalog::open_with_clock(path, clock.clone()).unwrap(), clock)
    }

    #[test]
    fn boots_are_told_apart_bounded_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let (catalog, clock) = open(&path);
        for boot in 0..8 {
            for step in 0..100 {
                let kind = if step % 50 == 0 {
                    BootStep::Offered
                } else {
                    BootStep::Other
                };
                catalog.note_boot(MAC, kind, None, &format!("boot {boot} step {step}\n"));
            }
            clock.advance(SAME_BOOT);
        }
        catalog.tick().unwrap();
        drop(catalog);
        let (catalog, _) = open(&path);
        let boots = catalog.boots(&[MAC, MacAddr([2, 0, 0, 0, 0, 2])]);
        assert_eq!(boots.len(), BOOTS);
        let (_, latest) = &boots[0];
        assert_eq!(latest.entries.len(), ENTRIES);
        assert_eq!(latest.entries[0].text, "boot 7 step 0");
        assert_eq!(latest.entries[ENTRIES - 1].text, "boot 7 step 99");
    }

    #[test]
    fn a_boot_that_stopped_is_explained_and_one_that_goes_on_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, clock) = open(&folder.path().join("catalog.sqlite"));
        let said = || catalog.boots(&[MAC])[0].1.diagnosis(catalog.now());
        catalog.note_boot(MAC, BootStep::Offered, None, "offered");
        assert_eq!(said(), None);
        clock.advance(STOPPED);
        assert!(said().unwrap().contains("snooping"));
        catalog.note_boot(MAC, BootStep::AddressTaken, None, "took an address");
        catalog.note_boot(MAC, BootStep::Other, None, "noise");
        clock.advance(STOPPED);
        assert!(said().unwrap().contains("4011"));
        catalog.note_boot(MAC, BootStep::Stopped, None, "TFTP ended at 34 %");
        clock.advance(STOPPED);
        assert!(said().unwrap().contains("MTU"));
        catalog.note_boot(MAC, BootStep::Loaded, None, "loaded");
        clock.advance(STOPPED);
        assert_eq!(said(), None);
    }

    #[test]
    fn a_machine_that_was_called_says_how_soon_it_woke() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, clock) = open(&folder.path().join("catalog.sqlite"));
        catalog.note_wake(MAC);
        clock.advance(Duration::from_secs(17));
        assert!(catalog.is_being_woken(MAC));
        catalog.note_boot(MAC, BootStep::Offered, None, "offered");
        assert_eq!(
            catalog.boots(&[MAC])[0].1.entries[1].text,
            "woke 17 s after it was called by Wake-on-LAN"
        );
        assert!(!catalog.is_being_woken(MAC));
        // One that comes much later was switched on by a person.
        catalog.note_wake(MAC);
        clock.advance(WAKES_WITHIN);
        catalog.note_boot(MAC, BootStep::Offered, None, "offered");
        assert_eq!(catalog.boots(&[MAC])[0].1.entries.len(), 1);
    }

    #[test]
    fn a_flood_of_invented_machines_is_forgotten_also_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let (catalog, clock) = open(&path);
        for number in 0..u32::try_from(ADAPTERS + 100).unwrap() {
            let [_, a, b, c] = number.to_be_bytes();
            catalog.note_boot(MacAddr([2, a, b, c, 0, 1]), BootStep::Offered, None, "offered");
            if number % 700 == 0 {
                clock.advance(Duration::from_millis(1));
                catalog.tick().unwrap();
            }
        }
        catalog.tick().unwrap();
        drop(catalog);
        let (catalog, _) = open(&path);
        assert_eq!(catalog.transcripts().adapters.len(), ADAPTERS);
    }

    #[test]
    fn a_firmwares_lesson_is_kept_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = open(&folder.path().join("catalog.sqlite"));
        let mut lesson = FirmwareLesson {
            class: "PXEClient:Arch:00000:UNDI:002001".into(),
            maker: [0, 0x1b, 0x21],
            direct: false,
            complete: false,
        };
        catalog.keep_firmware_lesson(&lesson).unwrap();
        lesson.complete = true;
        catalog.keep_firmware_lesson(&lesson).unwrap();
        assert_eq!(catalog.firmware_lessons().unwrap(), [lesson]);
    }
}
