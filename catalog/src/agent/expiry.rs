//! Forgetting what has expired.

use crate::{Catalog, error::Result, event, job::parse_id};
use protocol::MachineId;
use rusqlite::params;
use std::time::Duration;

/// How long tokens are remembered after they expired, to tell a late one from an invented one.
const TOKENS: Duration = Duration::from_secs(60 * 60);
/// An agent that was silent for so long has to say hello again.
const SESSIONS: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an idempotency key protects.
const IDEMPOTENCY: Duration = Duration::from_secs(24 * 60 * 60);

impl Catalog {
    pub(crate) fn forget_the_expired(&self) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let before = |age: Duration| writing.now.0 - i64::try_from(age.as_millis()).unwrap_or(0);
            connection.execute("DELETE FROM boot_token WHERE expires_at < ?1", [before(TOKENS)])?;
            connection.execute("DELETE FROM idempotency WHERE at < ?1", [before(IDEMPOTENCY)])?;
            crate::people::forget_web_sessions(connection, writing.now)?;
            event::forget(connection)?;
            let silent = before(SESSIONS);
            let machines: Vec<MachineId> = {
                let mut statement =
                    connection.prepare_cached("SELECT machine FROM session WHERE last_seen_at < ?1")?;
                let rows = statement.query_map([silent], |row| row.get::<_, String>(0))?;
                rows.map(|id| parse_id(&id?)).collect::<Result<_>>()?
            };
            for machine in machines {
                connection.execute(
                    "DELETE FROM session WHERE machine = ?1",
                    params![machine.to_string()],
                )?;
                writing.touched(machine);
            }
            Ok(())
        })
    }
}
