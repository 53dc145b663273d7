//! The seam between the boot services and whoever decides.

use crate::{
    dhcp::{pool::Lease, shape::LearnedOffer},
    event::BootEvent,
};
use protocol::{
    boot::{BootFacts, BootPlan, LocalReason, LocalWay},
    machine::Firmware,
    menu::{EntryKey, LoaderConsole},
};

/// Who decides what a machine boots. The appliance implements it on the catalog.
pub trait Decisions: Send + Sync + 'static {
    /// What this machine shall do now. Called while the machine waits: from memory only, well under 50 ms.
    fn plan(&self, facts: &BootFacts) -> BootPlan;

    /// What this machine shall do when somebody chose this entry of its menu, or nobody chose and it is the default. From
    /// memory, as [`Decisions::plan`].
    fn choose(&self, _facts: &BootFacts, _entry: &EntryKey) -> BootPlan {
        BootPlan::LocalDisk {
            reason: LocalReason::NoSuchEntry,
        }
    }

    /// How loaders and agent speak on this machine. From memory.
    fn console(&self, _facts: &BootFacts) -> LoaderConsole {
        LoaderConsole::default()
    }

    /// How this machine is sent to its own disk now; asked each time it is. From memory.
    fn local_way(&self, _facts: &BootFacts, firmware: Firmware) -> LocalWay {
        match firmware {
            Firmware::Bios => LocalWay::Exit,
            Firmware::Uefi | Firmware::UefiSecureBoot => LocalWay::Loader,
        }
    }

    /// A fresh boot token for the agent of this machine, for the entry of its menu that was chosen, if one was. 1 to 128 letters, digits, `-` and `_`. May write to a disk: it
    /// is called on a thread that may block.
    ///
    /// # Errors
    /// In words; the machine then starts its own disk.
    fn boot_token(&self, facts: &BootFacts, chosen: Option<&EntryKey>) -> Result<String, DecisionError>;

    /// What earlier boots taught about firmware; asked once, at the start.
    fn learned_offers(&self) -> Vec<LearnedOffer> {
        Vec::new()
    }

    /// A kind of firmware goes on with another offer than most: to be kept. Must not block.
    fn learn_offer(&self, _learned: &LearnedOffer) {}

    /// The addresses that were given, with who has them and until when; asked once, at the start.
    ///
    /// # Errors
    /// In words: then no address is given.
    fn leases(&self) -> Result<Vec<Lease>, DecisionError> {
        Ok(Vec::new())
    }

    /// Keeps these instead of what was kept of their addresses: when this returns well, they survive a power cut. Called
    /// on a thread that may block, for as many as have come together.
    ///
    /// # Errors
    /// In words; the machines then get no address.
    fn keep_leases(&self, _leases: &[Lease]) -> Result<(), DecisionError> {
        Err(DecisionError("nobody keeps them here".into()))
    }

    /// Something happened that belongs in a machine's transcript. Called from the services' own tasks: must not block.
    fn observe(&self, event: BootEvent);
}

/// Why no token was given, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecisionError(pub String);
