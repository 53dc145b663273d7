//! What machines boot: the boot services ask, the catalog answers.

use bootd::{BootEvent, DecisionError, Decisions, Happening};
use catalog::Catalog;
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

    fn observe(&self, event: BootEvent) {
        let BootEvent {
            mac,
            address,
            happening,
        } = event;
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
