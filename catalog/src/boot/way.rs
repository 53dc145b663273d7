//! Which way leads a machine to its own disk: one that is back within a minute, twice in a row, gets the next. Once may be
//! a person who restarts it.

use crate::{Catalog, boot::transcript::BootStep, error::Result, time::Time};
use protocol::{MacAddr, boot::LocalWay, machine::Firmware};
use rusqlite::{Connection, params};
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// A loader may ask twice at one boot, but not after so long.
const ASKS_AGAIN: Duration = Duration::from_secs(8);
/// Whoever is back within this did not get to its disk.
const BACK: Duration = Duration::from_secs(60);
/// So many returns in a row are no person's.
const RETURNS: u8 = 2;
/// Adapters that are remembered.
const ADAPTERS: usize = 8192;

/// The ways, in memory.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    by_mac: HashMap<MacAddr, Sent>,
    fresh: BTreeSet<MacAddr>,
}

/// How a machine was sent to its disk.
#[derive(Clone, Copy, Debug)]
struct Sent {
    way: LocalWay,
    at: Time,
    /// How often in a row it was back within a minute.
    returns: u8,
}

impl Ways {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare("SELECT mac, way FROM local_way")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut ways = Self::default();
        for row in rows {
            let (mac, way) = row?;
            if let (Ok(mac), Ok(way)) = (mac.parse(), serde_json::from_str(&way)) {
                let at = Time(0);
                ways.by_mac.insert(mac, Sent { way, at, returns: 0 });
            }
        }
        Ok(ways)
    }

    /// The way to take now, and the seconds after which the machine was back, if it was.
    fn take(&mut self, mac: MacAddr, firmware: Firmware, now: Time) -> (LocalWay, Option<u64>) {
        let ways = LocalWay::of(firmware);
        let known = self.by_mac.get(&mac).filter(|sent| ways.contains(&sent.way));
        let Some(mut sent) = known.copied() else {
            let first = ways.first().copied().unwrap_or(LocalWay::Exit);
            if self.by_mac.len() >= ADAPTERS {
                // What was learned is kept in the file; who was sent once the usual way is forgotten.
                self.by_mac
                    .retain(|mac, sent| self.fresh.contains(mac) || now.since(sent.at) < BACK);
            }
            if self.by_mac.len() < ADAPTERS {
                let sent = Sent {
                    way: first,
                    at: now,
                    returns: 0,
                };
                self.by_mac.insert(mac, sent);
            }
            return (first, None);
        };
        let away = now.since(sent.at);
        let mut back = None;
        if away >= BACK {
            sent.returns = 0;
        } else if away >= ASKS_AGAIN {
            sent.returns += 1;
        }
        if sent.returns >= RETURNS {
            sent.way = sent.way.next();
            sent.returns = 0;
            back = Some(away.as_secs());
            self.fresh.insert(mac);
        }
        sent.at = now;
        self.by_mac.insert(mac, sent);
        (sent.way, back)
    }

    /// Those that changed since the last time.
    pub(crate) fn take_fresh(&mut self) -> Vec<(MacAddr, LocalWay)> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh
            .into_iter()
            .filter_map(|mac| Some((mac, self.by_mac.get(&mac)?.way)))
            .collect()
    }
}

impl Catalog {
    /// How a machine is sent to its own disk now. From memory.
    #[must_use]
    pub fn local_way(&self, mac: MacAddr, firmware: Firmware) -> LocalWay {
        let now = self.now();
        let (way, back) = self.transcripts().ways.take(mac, firmware, now);
        if let Some(seconds) = back {
            let text = format!(
                "back {seconds} s after it was sent to its disk, for the second time: from now on by {}",
                way.text()
            );
            self.note_boot(mac, BootStep::Other, None, &text);
        }
        way
    }

    pub(crate) fn flush_ways(&self) -> Result<()> {
        let fresh = self.transcripts().ways.take_fresh();
        if fresh.is_empty() {
            return Ok(());
        }
        self.write(|writing| {
            for (mac, way) in &fresh {
                writing.transaction.execute(
                    "INSERT OR REPLACE INTO local_way (mac, way, at) VALUES (?1, ?2, ?3)",
                    params![mac.to_string(), serde_json::to_string(way)?, writing.now.0],
                )?;
            }
            writing.transaction.execute(
                "DELETE FROM local_way WHERE mac IN (SELECT mac FROM local_way ORDER BY at DESC LIMIT -1 OFFSET ?1)",
                [i64::try_from(ADAPTERS / 2).unwrap_or(i64::MAX)],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};
    use std::sync::Arc;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_machine_that_is_back_within_a_minute_twice_gets_the_next_way_and_keeps_what_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let clock = Arc::new(ManualClock::new(Time(1_700_000_000_000)));
        let open = || Catalog::open_with_clock(&path, clock.clone() as Arc<dyn Clock>).unwrap();
        let catalog = open();
        let sent = |catalog: &Catalog| catalog.local_way(MAC, Firmware::Bios);
        assert_eq!(sent(&catalog), LocalWay::Exit);
        clock.advance(Duration::from_secs(2));
        assert_eq!(sent(&catalog), LocalWay::Exit, "the same boot asked twice");
        clock.advance(Duration::from_secs(3600));
        assert_eq!(sent(&catalog), LocalWay::Exit, "it was at its disk for an hour");
        clock.advance(Duration::from_secs(40));
        assert_eq!(sent(&catalog), LocalWay::Exit, "somebody may have restarted it");
        clock.advance(Duration::from_secs(25));
        assert_eq!(sent(&catalog), LocalWay::FirstDisk);
        let said = &catalog.boots(&[MAC])[0].1.entries;
        assert!(said.iter().any(|entry| entry.text.contains("back 25 s after")));
        catalog.tick().unwrap();
        drop(catalog);
        let catalog = open();
        clock.advance(Duration::from_secs(7200));
        assert_eq!(
            sent(&catalog),
            LocalWay::FirstDisk,
            "also after a restart of the appliance"
        );
        assert_eq!(catalog.local_way(MAC, Firmware::Uefi), LocalWay::Loader);
    }

    #[test]
    fn a_flood_of_invented_machines_takes_bounded_memory() {
        let mut ways = Ways::default();
        for number in 0..20_000_u32 {
            let [_, a, b, c] = number.to_be_bytes();
            ways.take(
                MacAddr([2, a, b, c, 0, 1]),
                Firmware::Uefi,
                Time(i64::from(number)),
            );
        }
        assert!(ways.by_mac.len() <= ADAPTERS);
    }
}
