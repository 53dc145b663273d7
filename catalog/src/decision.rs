//! What a machine boots: from what a boot protocol shows of it, what is known, and what waits for it.

use crate::{
    memory::KnownMachine,
    menu::{EffectiveMenu, plan_of},
    setting::{Settings, UnknownMachines},
};
use protocol::{
    boot::{AgentReason, BootFacts, BootPlan, ClientArchitecture, LocalReason},
    menu::{EntryKey, MenuEntry},
};

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What the boot protocol shows.
    pub facts: &'a BootFacts,
    /// The machine's record, if the facts lead to exactly one.
    pub record: Option<&'a KnownMachine>,
    /// It has a job that may begin or go on now.
    pub has_due_job: bool,
    /// What the site decided.
    pub settings: &'a Settings,
    /// The machine's menu.
    pub menu: Option<&'a EffectiveMenu>,
    /// We woke it for this boot.
    pub woken: bool,
    /// The entry of its menu that was chosen.
    pub chosen: Option<&'a EntryKey>,
    /// The entry whose password was typed before this boot.
    pub granted: Option<&'a EntryKey>,
    /// Somebody asked for the machine's own disk on the agent's screen before this boot.
    pub leaves: bool,
}

/// Decides what a machine boots. Boot facts are hearsay (anybody can send them): they choose what is booted and nothing
/// more; before anything is written the agent's own facts decide again.
///
/// A ban goes before a person in front of the machine, who goes before a job, a job before the menu, the menu before what happens by itself.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> BootPlan {
    let local = |reason| BootPlan::LocalDisk { reason };
    let agent = |reason| BootPlan::Agent { reason };
    if matches!(
        situation.facts.architecture,
        Some(ClientArchitecture::Arm64Uefi | ClientArchitecture::Arm64UefiHttp)
    ) {
        return local(LocalReason::NotImaged);
    }
    let unseen = || match situation.settings.unknown_machines {
        UnknownMachines::Inventory if !situation.facts.mac.is_unicast() => local(LocalReason::UnknownIgnored),
        UnknownMachines::Inventory => agent(AgentReason::Unknown),
        UnknownMachines::Ignore => local(LocalReason::UnknownIgnored),
    };
    let Some(record) = situation.record else {
        return unseen();
    };
    if record.quarantined {
        return local(LocalReason::Quarantined);
    }
    if situation.leaves {
        return local(LocalReason::Asked);
    }
    if situation.has_due_job {
        return agent(AgentReason::Job);
    }
    if record.awaits_inventory {
        return unseen();
    }
    let menu = situation.menu.filter(|menu| menu.is_there());
    let entry = |key| menu.and_then(|menu| menu.entry(key));
    if let Some(key) = situation.chosen {
        return entry(key).map_or(local(LocalReason::NoSuchEntry), |entry| {
            plan_of(entry, record.nothing_bootable)
        });
    }
    if let Some(granted) = situation.granted.and_then(entry) {
        let unlocked = MenuEntry {
            locked: false,
            ..granted.clone()
        };
        return plan_of(&unlocked, record.nothing_bootable);
    }
    match menu {
        Some(menu) => BootPlan::Menu {
            menu: menu.menu(situation.woken),
        },
        None if record.nothing_bootable => agent(AgentReason::NothingBootable),
        None => local(LocalReason::NoJob),
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
        let registered = || KnownMachine {
            awaits_inventory: true,
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
                "registered and never seen",
                Some(registered()),
                Inventory,
                agent(AgentReason::Unknown),
            ),
            (
                "registered and never seen, site ignores unknown ones",
                Some(registered()),
                Ignore,
                local(LocalReason::UnknownIgnored),
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
            let situation = Situation {
                facts: &facts,
                record: record.as_ref(),
                has_due_job: record.as_ref().is_some_and(|record| !record.open_jobs.is_empty()),
                settings: &settings,
                menu: None,
                woken: false,
                chosen: None,
                granted: None,
                leaves: false,
            };
            assert_eq!(decide(&situation), want, "{name}");
        }
    }
}
