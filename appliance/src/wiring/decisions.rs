//! What machines boot: the boot services ask, the catalog answers.

use bootd::{
    BootEvent, DecisionError, Decisions, Happening, LearnedOffer,
    dhcp::{
        pool::{Lease, Moment, Told},
        shape,
    },
    tftp::EndReason,
};
use catalog::{AddressLease, BootStep, Catalog, FirmwareLesson};
use protocol::{
    boot::{BootFacts, BootPlan, LocalWay},
    machine::Firmware,
    menu::{EntryKey, LoaderConsole},
};

/// The boot services' view of the catalog.
pub struct CatalogDecisions(pub Catalog);

impl Decisions for CatalogDecisions {
    fn plan(&self, facts: &BootFacts) -> BootPlan {
        self.0.plan(facts)
    }

    fn choose(&self, facts: &BootFacts, entry: &EntryKey) -> BootPlan {
        self.0.choose(facts, entry)
    }

    fn console(&self, facts: &BootFacts) -> LoaderConsole {
        self.0.console(facts)
    }

    fn local_way(&self, facts: &BootFacts, firmware: Firmware) -> LocalWay {
        self.0.local_way(facts.mac, firmware)
    }

    fn boot_token(&self, facts: &BootFacts, chosen: Option<&EntryKey>) -> Result<String, DecisionError> {
        self.0
            .boot_token(facts, chosen)
            .map_err(|error| DecisionError(error.to_string()))
    }

    fn learned_offers(&self) -> Vec<LearnedOffer> {
        let lessons = self.0.firmware_lessons().unwrap_or_else(|error| {
            tracing::warn!(%error, "what earlier boots taught about firmware cannot be read");
            Vec::new()
        });
        lessons
            .into_iter()
            .map(|lesson| LearnedOffer {
                firmware: shape::FirmwareKind {
                    class: lesson.class,
                    maker: lesson.maker,
                },
                shape: shape::Shape {
                    direct: lesson.direct,
                    complete: lesson.complete,
                },
            })
            .collect()
    }

    fn learn_offer(&self, learned: &LearnedOffer) {
        let lesson = FirmwareLesson {
            class: learned.firmware.class.clone(),
            maker: learned.firmware.maker,
            direct: learned.shape.direct,
            complete: learned.shape.complete,
        };
        let catalog = self.0.clone();
        tokio::task::spawn_blocking(move || match catalog.keep_firmware_lesson(&lesson) {
            Ok(()) => tracing::info!(class = %lesson.class, "what a firmware taught was kept"),
            Err(error) => tracing::warn!(%error, "what a firmware taught cannot be kept"),
        });
    }

    fn leases(&self) -> Result<Vec<Lease>, DecisionError> {
        let kept = self.0.address_leases();
        let kept = kept.map_err(|error| DecisionError(error.to_string()))?;
        Ok(kept
            .into_iter()
            .filter_map(|kept| {
                Some(Lease {
                    address: kept.address,
                    client: kept.client.parse().ok()?,
                    host_name: kept.host_name,
                    expires: Moment(kept.expires_at),
                })
            })
            .collect())
    }

    fn keep_leases(&self, leases: &[Lease]) -> Result<(), DecisionError> {
        let rows: Vec<AddressLease> = leases
            .iter()
            .map(|lease| AddressLease {
                address: lease.address,
                client: lease.client.to_string(),
                host_name: lease.host_name.clone(),
                expires_at: lease.expires.0,
            })
            .collect();
        self.0
            .keep_address_leases(&rows)
            .map_err(|error| DecisionError(error.to_string()))
    }

    fn observe(&self, event: BootEvent) {
        let BootEvent {
            mac,
            address,
            happening,
        } = event;
        if let Some(mac) = mac {
            self.0
                .note_boot(mac, step_of(&happening), address, &happening.to_string());
        }
        let mac = mac.map(tracing::field::display);
        let address = address.map(tracing::field::display);
        match happening {
            Happening::NoToken { .. }
            | Happening::NotServed { .. }
            | Happening::Address(Told::Full(_) | Told::Refused(_) | Told::Declined(_) | Told::Elsewhere(_)) =>
            {
                tracing::warn!(mac, address, "{happening}");
            }
            _ => tracing::info!(mac, address, "{happening}"),
        }
    }
}

/// What a happening means for a diagnosis.
fn step_of(happening: &Happening) -> BootStep {
    match happening {
        Happening::Offered { .. } => BootStep::Offered,
        Happening::NotServed { .. } => BootStep::NotServed,
        Happening::AddressTaken { .. } | Happening::Merged { taken: true, .. } => BootStep::AddressTaken,
        Happening::Address(Told::Given(_)) => BootStep::AddressTaken,
        Happening::BootServerAnswered { .. } => BootStep::BootServer,
        Happening::Scripted { .. } | Happening::Chosen { .. } => BootStep::Told,
        Happening::TransferEnded { end, .. } => match end {
            EndReason::Complete | EndReason::Probe => BootStep::Loaded,
            _ => BootStep::Stopped,
        },
        Happening::HttpAnswered { status, .. } if (200..300).contains(status) => BootStep::Loaded,
        _ => BootStep::Other,
    }
}
