//! Teams, roles, who holds them where, and API tokens.

use crate::refusal::Refusal;
use catalog::{
    GrantRow, GrantWish, Holder, PermissionSet, RoleRow, RoleWish, TeamRow, TeamWish, TokenRow, TokenWish,
};
use protocol::PlaceId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// All teams, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamList {
    /// The teams.
    pub items: Vec<Team>,
}

/// People who hold roles together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Team {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// Who is in it.
    pub members: Vec<Uuid>,
    /// Rises with every change; also its `ETag`.
    pub revision: i64,
}

/// A team as it shall be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// Its name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: String,
    /// Who is in it, and nobody else.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub members: BTreeSet<Uuid>,
}

/// Every permission there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PermissionList {
    /// As `object.verb`, in the order of `docs/permissions.md`.
    pub items: Vec<String>,
}

/// All roles: predefined ones first, then own ones by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoleList {
    /// The roles.
    pub items: Vec<Role>,
}

/// What somebody may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// Its name. Those of predefined roles are translated by whoever shows them.
    pub name: String,
    /// Whether it is the same on every appliance.
    pub predefined: bool,
    /// What it holds, as `object.verb`.
    pub permissions: Vec<String>,
    /// How often it is held.
    pub holders: u64,
    /// Rises with every change; also its `ETag`.
    pub revision: i64,
}

/// An own role as it shall be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it holds, as `object.verb`.
    #[schema(max_items = 64)]
    pub permissions: Vec<String>,
}

/// Who holds what where, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GrantList {
    /// The roles that were given.
    pub items: Vec<Grant>,
}

/// A role that somebody holds in a place and in everything below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its id.
    pub id: Uuid,
    /// The person who holds it, if no team does.
    pub person: Option<Uuid>,
    /// The team that holds it, if no person does.
    pub team: Option<Uuid>,
    /// What they are called.
    pub holder_name: String,
    /// The role.
    pub role: Uuid,
    /// Its name.
    pub role_name: String,
    /// Where.
    pub place: PlaceId,
    /// Since when.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Who gave it.
    pub created_by: String,
    /// Until when; null: until it is taken back.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A role to give: to a person or to a team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// The person, if it is no team.
    #[serde(default)]
    pub person: Option<Uuid>,
    /// The team, if it is no person.
    #[serde(default)]
    pub team: Option<Uuid>,
    /// The role.
    pub role: Uuid,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// Until when; without it, until it is taken back.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// API tokens, the newest first. The tokens themselves are never shown again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The tokens.
    pub items: Vec<Token>,
}

/// An API token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub person: Uuid,
    /// Their name.
    pub person_name: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most, as `object.verb`.
    pub permissions: Vec<String>,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
}

/// A token to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it may do at most, as `object.verb`.
    #[schema(min_items = 1, max_items = 64)]
    pub permissions: Vec<String>,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// When it ends: within a year.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// A token that was made.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// Sent as `Authorization: Bearer …`. It is shown this once.
    pub secret: String,
    /// What is known of it.
    pub token: Token,
}

/// Permissions as texts.
pub(crate) fn texts(permissions: PermissionSet) -> Vec<String> {
    permissions
        .iter()
        .map(|permission| permission.text().to_owned())
        .collect()
}

fn permissions_of(texts: &[String]) -> Result<PermissionSet, Refusal> {
    let parsed = texts.iter().map(|text| text.parse());
    Ok(parsed.collect::<catalog::Result<_>>()?)
}

impl From<TeamRow> for Team {
    fn from(row: TeamRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            note: row.note,
            members: row.members,
            revision: row.revision,
        }
    }
}

impl From<NewTeam> for TeamWish {
    fn from(team: NewTeam) -> Self {
        Self {
            name: team.name,
            note: team.note,
            members: team.members,
        }
    }
}

impl From<RoleRow> for Role {
    fn from(row: RoleRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            predefined: row.predefined,
            permissions: texts(row.permissions),
            holders: row.holders,
            revision: row.revision,
        }
    }
}

impl TryFrom<NewRole> for RoleWish {
    type Error = Refusal;

    fn try_from(role: NewRole) -> Result<Self, Refusal> {
        Ok(Self {
            name: role.name,
            permissions: permissions_of(&role.permissions)?,
        })
    }
}

impl From<GrantRow> for Grant {
    fn from(row: GrantRow) -> Self {
        let (person, team) = match row.holder {
            Holder::Person(id) => (Some(id), None),
            Holder::Team(id) => (None, Some(id)),
        };
        Self {
            id: row.id,
            person,
            team,
            holder_name: row.holder_name,
            role: row.role,
            role_name: row.role_name,
            place: row.place,
            created_at: row.created_at.to_string(),
            created_by: row.created_by,
            expires_at: row.expires_at.map(|at| at.to_string()),
        }
    }
}

/// A person or a team.
pub(crate) fn holder_of(person: Option<Uuid>, team: Option<Uuid>) -> Result<Option<Holder>, Refusal> {
    match (person, team) {
        (None, None) => Ok(None),
        (Some(person), None) => Ok(Some(Holder::Person(person))),
        (None, Some(team)) => Ok(Some(Holder::Team(team))),
        (Some(_), Some(_)) => Err(Refusal::unusable(
            "a person and a team are two holders",
            "name one of them",
        )),
    }
}

impl TryFrom<NewGrant> for GrantWish {
    type Error = Refusal;

    fn try_from(grant: NewGrant) -> Result<Self, Refusal> {
        let holder = holder_of(grant.person, grant.team)?;
        Ok(Self {
            holder: holder.ok_or_else(|| {
                Refusal::unusable("nobody is named to give it to", "name a person or a team")
            })?,
            role: grant.role,
            place: grant.place,
            expires_at: grant.expires_at.map(|at| at.parse()).transpose()?,
        })
    }
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            person: row.person,
            person_name: row.person_name,
            name: row.name,
            permissions: texts(row.permissions),
            place: row.place,
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.to_string(),
            last_used_at: row.last_used_at.map(|at| at.to_string()),
        }
    }
}

impl TryFrom<NewToken> for TokenWish {
    type Error = Refusal;

    fn try_from(token: NewToken) -> Result<Self, Refusal> {
        Ok(Self {
            name: token.name,
            permissions: permissions_of(&token.permissions)?,
            place: token.place,
            expires_at: token.expires_at.parse()?,
        })
    }
}
