//! The nine roles that every appliance has. What each holds is written in `docs/permissions.md`, and a test compares the two.

use super::permission::{Permission, PermissionSet};
use uuid::Uuid;

/// A role that is always there and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PredefinedRole {
    /// Everything.
    PlatformAdmin,
    /// Makes masters, artefacts and profiles for everybody.
    Engineering,
    /// Declares models, tries what engineering made, and qualifies it.
    Qualification,
    /// Brings packages and profiles in.
    Packager,
    /// Holds the production key and countersigns; brings nothing in.
    Signer,
    /// Answers for a site: its places, machines, menus, jobs and technicians.
    SiteManager,
    /// Boots, captures, restores and registers machines.
    Technician,
    /// Looks, to help others.
    HelpDesk,
    /// Looks at everything, the audit too, and takes it away.
    Auditor,
}

use Permission::*;

const LOOK: PermissionSet = PermissionSet::of(&[
    MachineRead,
    PlaceRead,
    GroupRead,
    MasterRead,
    MenuRead,
    ProfileRead,
    JobRead,
    ArtefactRead,
    SettingRead,
    ServerRead,
]);

impl PredefinedRole {
    /// All of them, as `docs/permissions.md` has them.
    pub const ALL: [Self; 9] = [
        Self::PlatformAdmin,
        Self::Engineering,
        Self::Qualification,
        Self::Packager,
        Self::Signer,
        Self::SiteManager,
        Self::Technician,
        Self::HelpDesk,
        Self::Auditor,
    ];

    /// Its name, which the page translates.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform-admin",
            Self::Engineering => "engineering",
            Self::Qualification => "qualification",
            Self::Packager => "packager",
            Self::Signer => "signer",
            Self::SiteManager => "site-manager",
            Self::Technician => "technician",
            Self::HelpDesk => "help-desk",
            Self::Auditor => "auditor",
        }
    }

    /// Its id, the same on every appliance.
    #[must_use]
    pub const fn id(self) -> Uuid {
        Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0100 + self as u128)
    }

    /// The role with this id.
    #[must_use]
    pub fn of(id: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// What it holds.
    #[must_use]
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::PlatformAdmin => PermissionSet::ALL,
            Self::Engineering => LOOK.or(PermissionSet::of(&[
                MachineEdit,
                MachineRun,
                MasterCreate,
                MasterEdit,
                MasterDelete,
                MasterExport,
                MenuEdit,
                ProfileEdit,
                JobRun,
                ArtefactCreate,
                ArtefactEdit,
                KeyRead,
                TokenCreate,
            ])),
            Self::Qualification => LOOK.or(PermissionSet::of(&[
                MachineEdit,
                MachineRun,
                MachineExport,
                GroupEdit,
                MasterEdit,
                MasterExport,
                JobRun,
                ArtefactCreate,
                ArtefactEdit,
                KeyRead,
            ])),
            Self::Packager => LOOK.or(PermissionSet::of(&[
                MasterExport,
                ProfileEdit,
                ArtefactCreate,
                ArtefactEdit,
                KeyRead,
                TokenCreate,
            ])),
            Self::Signer => PermissionSet::of(&[
                MasterRead,
                MasterApprove,
                MasterExport,
                ProfileRead,
                JobRead,
                ArtefactRead,
                ArtefactApprove,
                KeyRead,
                KeyEdit,
                SettingRead,
                ServerRead,
            ]),
            Self::SiteManager => LOOK.or(PermissionSet::of(&[
                MachineCreate,
                MachineEdit,
                MachineDelete,
                MachineRun,
                MachineExport,
                PlaceCreate,
                PlaceEdit,
                PlaceDelete,
                GroupEdit,
                MasterCreate,
                MasterEdit,
                MasterExport,
                MenuEdit,
                JobRun,
                PersonRead,
                TeamRead,
                RoleRead,
                RoleApprove,
                TokenCreate,
                AuditRead,
            ])),
            Self::Technician => LOOK.or(PermissionSet::of(&[
                MachineCreate,
                MachineEdit,
                MachineRun,
                MachineExport,
                GroupEdit,
                MasterCreate,
                JobRun,
            ])),
            Self::HelpDesk => LOOK,
            Self::Auditor => LOOK.or(PermissionSet::of(&[
                MachineExport,
                KeyRead,
                PersonRead,
                TeamRead,
                RoleRead,
                TokenRead,
                AuditRead,
                AuditExport,
            ])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signs_brings_nothing_in_and_who_brings_in_does_not_sign() {
        for role in PredefinedRole::ALL {
            let held = role.permissions();
            let brings = [MasterCreate, ArtefactCreate].iter().any(|one| held.has(*one));
            let signs = [MasterApprove, ArtefactApprove].iter().any(|one| held.has(*one));
            assert!(
                role == PredefinedRole::PlatformAdmin || !(brings && signs),
                "{role:?}"
            );
            assert_eq!(PredefinedRole::of(role.id()), Some(role));
        }
    }
}
