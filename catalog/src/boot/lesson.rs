//! Which kind of firmware wants another offer than most.

use crate::{Catalog, error::Result};
use rusqlite::params;

/// What a kind of firmware goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareLesson {
    /// Its vendor class.
    pub class: String,
    /// The first three bytes of its adapter's address.
    pub maker: [u8; 3],
    /// The offer names the file at once.
    pub direct: bool,
    /// The offer has an address with it.
    pub complete: bool,
}

/// More kinds of firmware than any site has; the oldest is forgotten.
const KEPT: i64 = 1024;

impl Catalog {
    /// Everything learned.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn firmware_lessons(&self) -> Result<Vec<FirmwareLesson>> {
        self.0.database.read(|transaction| {
            let mut statement =
                transaction.prepare("SELECT class, maker, direct, complete FROM learned_offer")?;
            let rows = statement.query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                ))
            })?;
            let mut lessons = Vec::new();
            for row in rows {
                let (class, maker, direct, complete) = row?;
                if let Some(maker) = maker_of(&maker) {
                    lessons.push(FirmwareLesson {
                        class,
                        maker,
                        direct,
                        complete,
                    });
                }
            }
            Ok(lessons)
        })
    }

    /// Keeps one; it replaces what was known of that firmware.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn keep_firmware_lesson(&self, lesson: &FirmwareLesson) -> Result<()> {
        self.write(|writing| {
            let [a, b, c] = lesson.maker;
            writing.transaction.execute(
                "INSERT OR REPLACE INTO learned_offer (class, maker, direct, complete, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    lesson.class,
                    format!("{a:02x}{b:02x}{c:02x}"),
                    lesson.direct,
                    lesson.complete,
                    writing.now.0
                ],
            )?;
            writing.transaction.execute(
                "DELETE FROM learned_offer WHERE (class, maker) IN
                     (SELECT class, maker FROM learned_offer ORDER BY at DESC LIMIT -1 OFFSET ?1)",
                [KEPT],
            )?;
            Ok(())
        })
    }
}

fn maker_of(text: &str) -> Option<[u8; 3]> {
    let number = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6)?;
    let [_, a, b, c] = number.to_be_bytes();
    Some([a, b, c])
}
