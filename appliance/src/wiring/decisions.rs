//! What machines boot: the boot services ask, the catalog answers.

use bootd::{BootEvent, DecisionError, Decisions, Happening, LearnedOffer, dhcp::shape, tftp::EndReason};
use catalog::{BootStep, Catalog, FirmwareLesson};
use protocol::boot::{BootFacts, BootPlan};

/// The boot services' view of the catalog.
pub struct CatalogDecisions(pub Catalog);

impl Decisions for CatalogDecisions {
    fn plan(&self, facts: &BootFacts) -> BootPlan {
        self.0.plan(facts)
    }

    fn boot_token(&self, facts: &BootFacts) -> Result<String, DecisionError> {
        self.0
            .boot_token(facts)
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
            Happening::NoToken { .. } | Happening::NotServed { .. } => {
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
        Happening::BootServerAnswered { .. } => BootStep::BootServer,
        Happening::Scripted { .. } => BootStep::Told,
        Happening::TransferEnded { end, .. } => match end {
            EndReason::Complete | EndReason::Probe => BootStep::Loaded,
            _ => BootStep::Stopped,
        },
        Happening::HttpAnswered { status, .. } if (200..300).contains(status) => BootStep::Loaded,
        _ => BootStep::Other,
    }
}
