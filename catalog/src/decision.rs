//! What a machine boots: from what a boot protocol shows of it, what is known, and what waits for it.

use crate::{
    memory::KnownMachine,
    setting::{Settings, UnknownMachines},
};
use protocol::boot::{AgentReason, BootFacts, BootPlan, ClientArchitecture, LocalReason};

/// Decides what a machine boots. Boot facts are hearsay (anybody can send them): they choose what is booted and nothing
/// more; before anything is written the agent's own facts decide again.
///
/// `record` is the machine's record, if the facts lead to exactly one.
#[must_use]
pub fn decide(facts: &BootFacts, record: Option<&KnownMachine>, settings: &Settings) -> BootPlan {
    let local = |reason| BootPlan::LocalDisk { reason };
    let agent = |reason| BootPlan::Agent { reason };
    if matches!(
        facts.architecture,
        Some(ClientArchitecture::Arm64Uefi | ClientArchitecture::Arm64UefiHttp)
    ) {
        return local(LocalReason::NotImaged);
    }
    let Some(record) = record else {
        return match settings.unknown_machines {
            UnknownMachines::Inventory if !facts.mac.is_unicast() => local(LocalReason::UnknownIgnored),
            UnknownMachines::Inventory => agent(AgentReason::Unknown),
            UnknownMachines::Ignore => local(LocalReason::UnknownIgnored),
        };
    };
    if record.quarantined {
        local(LocalReason::Quarantined)
    } else if !record.open_jobs.is_empty() {
        agent(AgentReason::Job)
    } else if record.nothing_bootable {
        agent(AgentReason::NothingBootable)
    } else {
        local(LocalReason::NoJob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Language;
    use protocol::JobId;

    #[test]
    fn every_situation_has_its_plan() {
        let known = KnownMachine::default;
        let with_job = || KnownMachine {
            open_jobs: vec![JobId::new()],
            ..known()
        };
        let empty_disk = || KnownMachine {
            nothing_bootable: true,
            ..known()
        };
        let local = |reason| BootPlan::LocalDisk { reason };
        let agent = |reason| BootPlan::Agent { reason };
        use UnknownMachines::{Ignore, Inventory};
        let table = [
            ("unknown", None, Inventory, agent(AgentReason::Unknown)),
            (
                "unknown, site ignores",
                None,
                Ignore,
                local(LocalReason::UnknownIgnored),
            ),
            ("known", Some(known()), Inventory, local(LocalReason::NoJob)),
            (
                "known, site ignores unknown ones",
                Some(known()),
                Ignore,
                local(LocalReason::NoJob),
            ),
            ("job", Some(with_job()), Inventory, agent(AgentReason::Job)),
            (
                "nothing boots",
                Some(empty_disk()),
                Inventory,
                agent(AgentReason::NothingBootable),
            ),
            (
                "banned, with a job",
                Some(KnownMachine {
                    quarantined: true,
                    ..with_job()
                }),
                Inventory,
                local(LocalReason::Quarantined),
            ),
        ];
        for (name, record, unknown_machines, want) in table {
            let facts = BootFacts {
                mac: "52:54:00:00:00:01".parse().unwrap(),
                uuid: None,
                architecture: Some(ClientArchitecture::X64Uefi),
                server: "192.0.2.1".parse().unwrap(),
            };
            let settings = Settings {
                unknown_machines,
                language: Language::En,
            };
            assert_eq!(decide(&facts, record.as_ref(), &settings), want, "{name}");
        }
    }
}
