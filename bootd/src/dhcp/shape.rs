//! Which of several correct answers a firmware understands: what was offered to whom, and what worked.
//!
//! | shape | option 43.6 | one complete offer ([`super::merge`]) | who needs it |
//! | --- | --- | --- | --- |
//! | direct | 8: the file is here | no | BIOS boot ROMs |
//! | direct, complete | 8 | yes | BIOS boot ROMs that ignore proxies |
//! | boot server | absent: port 4011 is asked | no | UEFI that prefers the DHCP server's own offer |
//! | boot server, complete | absent | yes | UEFI: Debian's grub looks for its server there |
//! | direct, complete | 8 | yes | UEFI whose port 4011 is closed on the way |
//!
//! A machine that looks for servers again with a new transaction, though it was answered and never asked for anything,
//! did not understand: it is offered its family's next shape. The one that it then goes on with is remembered for its
//! kind of firmware (vendor class and maker of the adapter) and offered first from then on.

use protocol::{MacAddr, boot::ClientArchitecture};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How an offer is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Option 43.6 = 8: the file is in this offer, look no further.
    pub direct: bool,
    /// Together with an address of the network's own DHCP server, if that one answers relays.
    pub complete: bool,
}

/// Kind of firmware, as far as its packets tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FirmwareKind {
    /// Its vendor class, at most 64 characters.
    pub class: String,
    /// The first three bytes of its adapter's address: who made it.
    pub maker: [u8; 3],
}

/// What a kind of firmware goes on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedOffer {
    /// The firmware.
    pub firmware: FirmwareKind,
    /// What works.
    pub shape: Shape,
}

/// Machines remembered between their offer and their next step, and kinds of firmware.
const CAPACITY: usize = 4096;
const KINDS: usize = 1024;
/// After this, a machine that looks for servers was switched on again.
const MEMORY: Duration = Duration::from_secs(180);

const BIOS: [Shape; 3] = [shape(true, false), shape(false, false), shape(true, true)];
const UEFI: [Shape; 3] = [shape(false, true), shape(true, true), shape(false, false)];
const OTHER: [Shape; 1] = [shape(false, false)];

const fn shape(direct: bool, complete: bool) -> Shape {
    Shape { direct, complete }
}

/// The shapes that a family is offered, the likeliest first.
#[must_use]
pub fn shapes_of(architecture: ClientArchitecture) -> &'static [Shape] {
    match architecture {
        ClientArchitecture::X86Bios => &BIOS,
        ClientArchitecture::X64Uefi | ClientArchitecture::Arm64Uefi => &UEFI,
        _ => &OTHER,
    }
}

impl FirmwareKind {
    /// From what a packet says.
    #[must_use]
    pub fn new(class: &str, mac: MacAddr) -> Self {
        let [a, b, c, ..] = mac.octets();
        Self {
            class: class.chars().filter(|c| !c.is_control()).take(64).collect(),
            maker: [a, b, c],
        }
    }
}

/// What was offered to whom, and what worked.
#[derive(Debug, Default)]
pub struct Shapes {
    offered: HashMap<MacAddr, Offered>,
    learned: HashMap<FirmwareKind, Shape>,
}

#[derive(Debug)]
struct Offered {
    firmware: FirmwareKind,
    transaction: u32,
    shape: Shape,
    /// What its family is offered first.
    usual: Shape,
    at: Instant,
    /// It asked for what it was told.
    went_on: bool,
}

/// What to offer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The shape.
    pub shape: Shape,
    /// The machine was offered another before and did not go on.
    pub is_fallback: bool,
}

impl Shapes {
    /// With what was learned before.
    #[must_use]
    pub fn with(learned: impl IntoIterator<Item = LearnedOffer>) -> Self {
        Self {
            offered: HashMap::new(),
            learned: learned
                .into_iter()
                .take(KINDS)
                .map(|one| (one.firmware, one.shape))
                .collect(),
        }
    }

    /// A machine looks for servers.
    pub fn choose(
        &mut self,
        mac: MacAddr,
        firmware: FirmwareKind,
        architecture: ClientArchitecture,
        transaction: u32,
        now: Instant,
    ) -> Choice {
        let shapes = shapes_of(architecture);
        let first = self.learned.get(&firmware).copied().unwrap_or(shapes[0]);
        let before = self
            .offered
            .get(&mac)
            .filter(|before| before.firmware == firmware && now.duration_since(before.at) < MEMORY);
        let choice = match before {
            Some(before) if before.transaction == transaction => Choice {
                shape: before.shape,
                is_fallback: false,
            },
            Some(before) if !before.went_on && shapes.len() > 1 => {
                let place = shapes.iter().position(|shape| *shape == before.shape);
                Choice {
                    shape: shapes[place.map_or(0, |place| (place + 1) % shapes.len())],
                    is_fallback: true,
                }
            }
            _ => Choice {
                shape: first,
                is_fallback: false,
            },
        };
        if self.offered.len() >= CAPACITY && !self.offered.contains_key(&mac) {
            self.offered
                .retain(|_, offered| now.duration_since(offered.at) < MEMORY / 3);
            if self.offered.len() >= CAPACITY {
                // A flood of invented machines: it costs what was known of the last minute, and no memory.
                self.offered.clear();
            }
        }
        let went_on = before_went_on(&self.offered, mac, transaction);
        self.offered.insert(
            mac,
            Offered {
                firmware,
                transaction,
                shape: choice.shape,
                usual: shapes[0],
                at: now,
                went_on,
            },
        );
        choice
    }

    /// The shape that a machine was offered last.
    #[must_use]
    pub fn offered(&self, mac: MacAddr) -> Option<Shape> {
        self.offered.get(&mac).map(|offered| offered.shape)
    }

    /// A machine asked for what it was told. Returns what is new about its firmware.
    pub fn went_on(&mut self, mac: MacAddr) -> Option<LearnedOffer> {
        let offered = self.offered.get_mut(&mac).filter(|offered| !offered.went_on)?;
        offered.went_on = true;
        let (firmware, shape) = (offered.firmware.clone(), offered.shape);
        if self.learned.get(&firmware) == Some(&shape) {
            return None;
        }
        // What everybody is offered first need not be remembered, unless something else was.
        let is_usual = offered.usual == shape && !self.learned.contains_key(&firmware);
        if is_usual || self.learned.len() >= KINDS && !self.learned.contains_key(&firmware) {
            return None;
        }
        self.learned.insert(firmware.clone(), shape);
        Some(LearnedOffer { firmware, shape })
    }
}

fn before_went_on(offered: &HashMap<MacAddr, Offered>, mac: MacAddr, transaction: u32) -> bool {
    offered
        .get(&mac)
        .is_some_and(|before| before.transaction == transaction && before.went_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 9]);
    const CLASS: &str = "PXEClient:Arch:00007:UNDI:003000";

    fn choose(shapes: &mut Shapes, mac: MacAddr, transaction: u32, now: Instant) -> Choice {
        let architecture = ClientArchitecture::X64Uefi;
        shapes.choose(mac, FirmwareKind::new(CLASS, mac), architecture, transaction, now)
    }

    #[test]
    fn a_machine_that_does_not_go_on_is_offered_every_shape_in_turn() {
        let (mut shapes, now) = (Shapes::default(), Instant::now());
        let offered: Vec<Shape> = (1..=4)
            .map(|number| choose(&mut shapes, MAC, number, now).shape)
            .collect();
        assert_eq!(offered, [UEFI[0], UEFI[1], UEFI[2], UEFI[0]]);
    }

    #[test]
    fn a_repetition_of_the_same_question_gets_the_same_answer() {
        let (mut shapes, now) = (Shapes::default(), Instant::now());
        for _ in 0..5 {
            let choice = choose(&mut shapes, MAC, 1, now);
            assert_eq!((choice.shape, choice.is_fallback), (UEFI[0], false));
        }
    }

    #[test]
    fn what_worked_is_offered_first_to_every_machine_of_that_firmware() {
        let (mut shapes, now) = (Shapes::default(), Instant::now());
        let _ = choose(&mut shapes, MAC, 1, now);
        assert!(choose(&mut shapes, MAC, 2, now).is_fallback);
        let learned = shapes.went_on(MAC).unwrap();
        assert_eq!(learned.shape, UEFI[1]);
        assert_eq!(shapes.went_on(MAC), None, "said once");
        let sister = MacAddr([0x52, 0x54, 0, 0, 0, 10]);
        assert_eq!(choose(&mut shapes, sister, 3, now).shape, UEFI[1]);
        // Another maker's adapter is another firmware.
        let stranger = MacAddr([0x00, 0x1b, 0x21, 0, 0, 10]);
        assert_eq!(choose(&mut shapes, stranger, 3, now).shape, UEFI[0]);
        // And it survives a restart.
        let mut shapes = Shapes::with([learned]);
        assert_eq!(choose(&mut shapes, MAC, 9, now).shape, UEFI[1]);
    }

    #[test]
    fn an_ordinary_boot_teaches_nothing_and_a_later_one_begins_anew() {
        let (mut shapes, now) = (Shapes::default(), Instant::now());
        let _ = choose(&mut shapes, MAC, 1, now);
        assert_eq!(shapes.went_on(MAC), None);
        assert!(!choose(&mut shapes, MAC, 2, now).is_fallback, "it went on before");
        let later = now + MEMORY;
        assert!(
            !choose(&mut shapes, MAC, 3, later).is_fallback,
            "switched on again"
        );
    }

    #[test]
    fn a_flood_of_invented_machines_costs_bounded_memory() {
        let (mut shapes, now) = (Shapes::default(), Instant::now());
        for number in 0..20_000u32 {
            let [_, a, b, c] = number.to_be_bytes();
            let mac = MacAddr([2, a, b, c, 0, 1]);
            let class = format!("PXEClient:{number}");
            let _ = shapes.choose(
                mac,
                FirmwareKind::new(&class, mac),
                ClientArchitecture::X86Bios,
                1,
                now,
            );
            let _ = shapes.choose(
                mac,
                FirmwareKind::new(&class, mac),
                ClientArchitecture::X86Bios,
                2,
                now,
            );
            let _ = shapes.went_on(mac);
        }
        assert!(shapes.offered.len() <= CAPACITY && shapes.learned.len() <= KINDS);
    }
}
