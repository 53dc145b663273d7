//! What somebody may do, and where: the sum of their roles and their teams' roles at this moment.

use super::{
    permission::{Permission, PermissionSet},
    role::PredefinedRole,
};
use crate::{
    error::{Error, ErrorKind, Result},
    job::parse_id,
    place::ROOT,
    scope::Scope,
    time::Time,
};
use protocol::PlaceId;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// What somebody may do in a place and everything below it, for each place where they may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights(Vec<(PlaceId, PermissionSet)>);

impl Rights {
    /// Everything everywhere: whoever has a shell on the appliance.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![(ROOT, PermissionSet::ALL)])
    }

    /// Where somebody may do this.
    #[must_use]
    pub fn scope(&self, permission: Permission) -> Scope {
        let places = self.0.iter().filter(|(_, held)| held.has(permission));
        Scope::within(places.map(|(place, _)| *place))
    }

    /// Whether they may do this anywhere at all.
    #[must_use]
    pub fn somewhere(&self, permission: Permission) -> bool {
        self.0.iter().any(|(_, held)| held.has(permission))
    }

    /// Whether they may do this everywhere: what belongs to no place is done only so.
    #[must_use]
    pub fn everywhere(&self, permission: Permission) -> bool {
        self.at_the_root().has(permission)
    }

    /// What they may do anywhere at all.
    #[must_use]
    pub fn held_somewhere(&self) -> PermissionSet {
        self.0
            .iter()
            .map(|(_, held)| *held)
            .fold(PermissionSet::NONE, PermissionSet::or)
    }

    /// What they may do everywhere.
    #[must_use]
    pub fn at_the_root(&self) -> PermissionSet {
        let at_root = self.0.iter().filter(|(place, _)| *place == ROOT);
        at_root
            .map(|(_, held)| *held)
            .fold(PermissionSet::NONE, PermissionSet::or)
    }

    /// What a person may do now.
    pub(crate) fn of_person(connection: &Connection, person: &str, now: Time) -> Result<Self> {
        Self::collect(
            connection,
            "g.user = ?1 OR g.team IN (SELECT team FROM team_member WHERE user = ?1)",
            person,
            now,
        )
    }

    /// What being in a team gives now.
    pub(crate) fn of_team(connection: &Connection, team: &str, now: Time) -> Result<Self> {
        Self::collect(connection, "g.team = ?1", team, now)
    }

    fn collect(connection: &Connection, whose: &str, id: &str, now: Time) -> Result<Self> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT g.entity, r.id, r.permissions FROM role_grant g JOIN role r ON r.id = g.role
             WHERE ({whose}) AND (g.expires_at IS NULL OR g.expires_at > ?2)"
        ))?;
        let mut rows = statement.query(params![id, now.0])?;
        let mut rights = Self::default();
        while let Some(row) = rows.next()? {
            let place = parse_id(&row.get::<_, String>(0)?)?;
            let own: Option<String> = row.get(2)?;
            rights.add(place, held_by_role(&row.get::<_, String>(1)?, own.as_deref())?);
        }
        Ok(rights)
    }

    fn add(&mut self, place: PlaceId, held: PermissionSet) {
        match self.0.iter_mut().find(|(known, _)| *known == place) {
            Some((_, known)) => *known = known.or(held),
            None => self.0.push((place, held)),
        }
    }

    /// No more than this in this place and below it.
    pub(crate) fn narrowed(
        &self,
        connection: &Connection,
        permissions: PermissionSet,
        place: PlaceId,
    ) -> Result<Self> {
        let wanted_line = line(connection, place)?;
        let mut narrow = Self::default();
        for (held_at, held) in &self.0 {
            let held = held.and(permissions);
            if held.is_empty() {
                continue;
            }
            if wanted_line.contains(held_at) {
                narrow.add(place, held);
            } else if line(connection, *held_at)?.contains(&place) {
                narrow.add(*held_at, held);
            }
        }
        Ok(narrow)
    }

    /// That whoever has these rights may do all of this in a place.
    pub(crate) fn check_hold(
        &self,
        connection: &Connection,
        wanted: PermissionSet,
        place: PlaceId,
    ) -> Result<()> {
        let line = line(connection, place)?;
        let above = self.0.iter().filter(|(held_at, _)| line.contains(held_at));
        let held = above
            .map(|(_, held)| *held)
            .fold(PermissionSet::NONE, PermissionSet::or);
        match wanted.iter().find(|permission| !held.has(*permission)) {
            None => Ok(()),
            Some(lacking) => Err(Error::new(
                ErrorKind::Forbidden,
                "more-than-held",
                format!(
                    "nobody gives, takes or stands in for more than they hold: {} is lacking there",
                    lacking.text()
                ),
                "ask somebody who holds it",
            )),
        }
    }

    /// That whoever has these rights may do everything that others may.
    pub(crate) fn check_cover(&self, connection: &Connection, others: &Self) -> Result<()> {
        for (place, held) in &others.0 {
            self.check_hold(connection, *held, *place)?;
        }
        Ok(())
    }
}

/// What a role holds. Predefined ones are written in the program, own ones in the catalog.
pub(crate) fn held_by_role(id: &str, own: Option<&str>) -> Result<PermissionSet> {
    match (own, Uuid::parse_str(id).ok().and_then(PredefinedRole::of)) {
        (_, Some(predefined)) => Ok(predefined.permissions()),
        (Some(own), None) => PermissionSet::from_json(own),
        // A predefined role of a newer program.
        (None, None) => Ok(PermissionSet::NONE),
    }
}

/// A place and everything that it lies in. Nothing when there is no such place.
pub(crate) fn line(connection: &Connection, place: PlaceId) -> Result<Vec<PlaceId>> {
    let mut line = Vec::new();
    let mut next = Some(place.to_string());
    while let Some(id) = next.take().filter(|_| line.len() < 16) {
        let parent: Option<Option<String>> = connection
            .prepare_cached("SELECT parent FROM entity WHERE id = ?1")?
            .query_row([&id], |row| row.get(0))
            .optional()?;
        if let Some(parent) = parent {
            line.push(parse_id(&id)?);
            next = parent;
        }
    }
    Ok(line)
}
