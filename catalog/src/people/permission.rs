//! What people may be allowed to do, and sets of it. `docs/permissions.md` has the same list with its reasons.

use crate::error::{Error, Result};
use std::str::FromStr;

/// Writes the list down once: the name in code, the text, what it means.
macro_rules! permissions {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal,)+) => {
        /// Something a person may be allowed to do, written `object.verb`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Permission {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As it is written: `object.verb`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

permissions! {
    /// See machines.
    MachineRead = "machine.read",
    /// Register machines.
    MachineCreate = "machine.create",
    /// Name, ban, merge and split machines, and move them.
    MachineEdit = "machine.edit",
    /// Take records of machines away.
    MachineDelete = "machine.delete",
    /// Wake machines, restart them and switch them off.
    MachineRun = "machine.run",
    /// Take the list of machines away as a file.
    MachineExport = "machine.export",
    /// See places.
    PlaceRead = "place.read",
    /// Make places.
    PlaceCreate = "place.create",
    /// Change places.
    PlaceEdit = "place.edit",
    /// Delete places.
    PlaceDelete = "place.delete",
    /// See groups.
    GroupRead = "group.read",
    /// Make, change and delete groups, and put machines into them.
    GroupEdit = "group.edit",
    /// See masters and their contents.
    MasterRead = "master.read",
    /// Capture masters, bring them in from outside.
    MasterCreate = "master.create",
    /// Describe, clone and protect masters.
    MasterEdit = "master.edit",
    /// Delete masters.
    MasterDelete = "master.delete",
    /// Countersign masters for production.
    MasterApprove = "master.approve",
    /// Take files out of masters.
    MasterExport = "master.export",
    /// See boot menus.
    MenuRead = "menu.read",
    /// Change boot menus.
    MenuEdit = "menu.edit",
    /// See profiles.
    ProfileRead = "profile.read",
    /// Make, change and delete profiles.
    ProfileEdit = "profile.edit",
    /// See jobs and their evidence.
    JobRead = "job.read",
    /// Create jobs, take them back, try again, choose disks.
    JobRun = "job.run",
    /// See artefacts: driver packs, packages, tools.
    ArtefactRead = "artefact.read",
    /// Bring artefacts in.
    ArtefactCreate = "artefact.create",
    /// Describe artefacts and qualify them.
    ArtefactEdit = "artefact.edit",
    /// Countersign artefacts for production.
    ArtefactApprove = "artefact.approve",
    /// See keys that sign.
    KeyRead = "key.read",
    /// Bring keys in and revoke them.
    KeyEdit = "key.edit",
    /// See people.
    PersonRead = "person.read",
    /// Make accounts for people.
    PersonCreate = "person.create",
    /// Change, disable and reset accounts, and end sessions.
    PersonEdit = "person.edit",
    /// See teams.
    TeamRead = "team.read",
    /// Make, change and delete teams, and say who is in them.
    TeamEdit = "team.edit",
    /// See roles, and who holds them where.
    RoleRead = "role.read",
    /// Make, change and delete own roles.
    RoleEdit = "role.edit",
    /// Give roles to people and teams, and take them back.
    RoleApprove = "role.approve",
    /// See everybody's API tokens.
    TokenRead = "token.read",
    /// Make API tokens of one's own.
    TokenCreate = "token.create",
    /// Revoke anybody's API tokens.
    TokenDelete = "token.delete",
    /// See who did what.
    AuditRead = "audit.read",
    /// Take the audit away as a file.
    AuditExport = "audit.export",
    /// See settings.
    SettingRead = "setting.read",
    /// Change settings.
    SettingEdit = "setting.edit",
    /// See the appliance's state.
    ServerRead = "server.read",
    /// Copy, restart and repair the appliance.
    ServerRun = "server.run",
}

impl Permission {
    /// The permission that stands for this one when the thing is a group and no place.
    #[must_use]
    pub fn of_group(self) -> Self {
        match self {
            Self::PlaceRead => Self::GroupRead,
            Self::PlaceCreate | Self::PlaceEdit | Self::PlaceDelete => Self::GroupEdit,
            other => other,
        }
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|permission| permission.text() == text);
        found.copied().ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(
                format!("there is no permission \u{201c}{shown}\u{201d}"),
                "docs/permissions.md lists them",
            )
        })
    }
}

/// Several permissions: one bit each, in the order of [`Permission::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// These.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut place = 0;
        while place < permissions.len() {
            bits |= 1 << permissions[place] as u64;
            place += 1;
        }
        Self(bits)
    }

    /// Whether it has this one.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in one of them.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.has(*permission))
    }

    /// As the catalog keeps it: a JSON list of texts.
    pub(crate) fn to_json(self) -> String {
        serde_json::Value::from_iter(self.iter().map(Permission::text)).to_string()
    }

    /// Reads that back. What this program does not know, it gives nobody.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let texts: Vec<String> = serde_json::from_str(text)?;
        Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        let one = |permission| Self::of(&[permission]);
        permissions.into_iter().map(one).fold(Self::NONE, Self::or)
    }
}

const _: () = assert!(Permission::ALL.len() <= 64, "a set has 64 bits");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::PredefinedRole;
    use std::collections::BTreeMap;

    /// The table of `docs/permissions.md`: permission, then a mark per role.
    fn table() -> (Vec<String>, BTreeMap<String, Vec<bool>>) {
        let text = include_str!("../../../docs/permissions.md");
        let cells = |line: &str| -> Vec<String> {
            let line = line.trim().trim_matches('|');
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect()
        };
        let mut lines = text.lines().filter(|line| line.starts_with("| "));
        let header = lines.find(|line| line.starts_with("| permission |")).unwrap();
        let roles = cells(header)[2..].to_vec();
        let rows = lines
            .filter(|line| line.starts_with("| `") && line.contains('.'))
            .map(cells)
            .filter(|row| row.len() == roles.len() + 2)
            .map(|row| {
                let marks = row[2..].iter().map(|mark| match mark.as_str() {
                    "x" => true,
                    "" => false,
                    other => panic!("{other} is no mark"),
                });
                (row[0].clone(), marks.collect())
            })
            .collect();
        (roles, rows)
    }

    #[test]
    fn the_written_table_of_roles_and_permissions_is_what_the_code_does() {
        let (roles, rows) = table();
        let names: Vec<&str> = PredefinedRole::ALL.iter().map(|role| role.name()).collect();
        assert_eq!(roles, names);
        let written: Vec<&String> = rows.keys().collect();
        let mut known: Vec<&str> = Permission::ALL.iter().map(|one| one.text()).collect();
        known.sort_unstable();
        assert_eq!(written, known);
        for permission in Permission::ALL {
            for (role, marked) in PredefinedRole::ALL.iter().zip(&rows[permission.text()]) {
                assert_eq!(
                    role.permissions().has(*permission),
                    *marked,
                    "{} of {}",
                    permission.text(),
                    role.name()
                );
            }
        }
    }

    #[test]
    fn a_set_is_kept_and_read_back_and_unknown_permissions_are_nobodys() {
        for set in [
            PermissionSet::NONE,
            PermissionSet::ALL,
            PermissionSet::of(&[Permission::JobRun]),
        ] {
            assert_eq!(PermissionSet::from_json(&set.to_json()).unwrap(), set);
        }
        let text = r#"["job.run", "rocket.launch"]"#;
        assert_eq!(
            PermissionSet::from_json(text).unwrap(),
            PermissionSet::of(&[Permission::JobRun])
        );
        assert_eq!(PermissionSet::ALL.iter().count(), Permission::ALL.len());
        assert!("rocket.launch".parse::<Permission>().is_err());
    }
}
