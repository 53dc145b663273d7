//! What the columns of somebody's table are.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Something that an import can tell of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The record's id, as an export wrote it.
    Id,
    /// Its name.
    Name,
    /// Its note.
    Note,
    /// Addresses of its own adapters.
    Macs,
    /// Its SMBIOS UUID.
    Uuid,
    /// Its serial number.
    Serial,
    /// Its board's serial number.
    BoardSerial,
    /// Who made it.
    Manufacturer,
    /// Its product name.
    Product,
    /// Whether it is banned.
    Quarantined,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What stands over it.
    pub header: String,
    /// What it tells, if it is used.
    pub field: Option<Field>,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Id,
        Self::Name,
        Self::Note,
        Self::Macs,
        Self::Uuid,
        Self::Serial,
        Self::BoardSerial,
        Self::Manufacturer,
        Self::Product,
        Self::Quarantined,
    ];

    /// As an export heads its column.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Note => "note",
            Self::Macs => "macs",
            Self::Uuid => "uuid",
            Self::Serial => "serial",
            Self::BoardSerial => "board_serial",
            Self::Manufacturer => "manufacturer",
            Self::Product => "product",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether rows can be told apart by it.
    #[must_use]
    pub fn is_key(self) -> bool {
        !matches!(
            self,
            Self::Note | Self::Manufacturer | Self::Product | Self::Quarantined
        )
    }

    /// What people write over such a column, in English and French, without accents, blanks and signs.
    fn usual_headers(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["id"],
            Self::Name => &[
                "name",
                "machine",
                "hostname",
                "computer",
                "computername",
                "nom",
                "nomduposte",
                "nomposte",
                "poste",
                "nomordinateur",
                "nomdelordinateur",
                "nomdelamachine",
                "ordinateur",
            ],
            Self::Note => &[
                "note",
                "notes",
                "description",
                "comment",
                "comments",
                "commentaire",
                "commentaires",
                "remarque",
                "remarques",
            ],
            Self::Macs => &[
                "mac",
                "macs",
                "macaddress",
                "macaddresses",
                "macaddr",
                "adressemac",
                "adressesmac",
                "adrmac",
            ],
            Self::Uuid => &["uuid", "guid", "smbiosuuid", "systemuuid"],
            Self::Serial => &[
                "serial",
                "serialnumber",
                "sn",
                "servicetag",
                "numerodeserie",
                "numeroserie",
                "nserie",
                "ndeserie",
                "noserie",
                "nodeserie",
            ],
            Self::BoardSerial => &[
                "boardserial",
                "boardserialnumber",
                "motherboardserial",
                "numerodeseriecartemere",
                "seriecartemere",
            ],
            Self::Manufacturer => &[
                "manufacturer",
                "vendor",
                "maker",
                "fabricant",
                "constructeur",
                "marque",
            ],
            Self::Product => &["product", "productname", "model", "modele", "modelname"],
            Self::Quarantined => &[
                "quarantined",
                "quarantine",
                "banned",
                "quarantaine",
                "banni",
                "bannie",
            ],
        }
    }
}

/// What each column is: as the person said, else by what stands over it.
pub(super) fn assign(headers: &[String], said: &BTreeMap<String, Option<Field>>) -> Result<Vec<Column>> {
    if let Some(unknown) = said.keys().find(|said| !headers.contains(said)) {
        return Err(Error::invalid(
            format!("the table has no column \u{201c}{unknown}\u{201d}"),
            format!("it has: {}", headers.join(", ")),
        ));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(headers.len());
    for header in headers {
        let field = match said.get(header) {
            Some(field) => *field,
            None => guess(header).filter(|guess| {
                !said.values().any(|said| *said == Some(*guess))
                    && columns.iter().all(|column| column.field != Some(*guess))
            }),
        };
        if let Some(field) = field
            && columns.iter().any(|column| column.field == Some(field))
        {
            return Err(Error::invalid(
                format!("two columns are both said to be {}", field.text()),
                "name one of them",
            ));
        }
        columns.push(Column {
            header: header.clone(),
            field,
        });
    }
    Ok(columns)
}

fn guess(header: &str) -> Option<Field> {
    let plain: String = header.to_lowercase().chars().filter_map(without_accent).collect();
    Field::ALL
        .into_iter()
        .find(|field| field.usual_headers().contains(&plain.as_str()))
}

fn without_accent(c: char) -> Option<char> {
    match c {
        '\u{e0}' | '\u{e2}' | '\u{e4}' => Some('a'),
        '\u{e8}' | '\u{e9}' | '\u{ea}' | '\u{eb}' => Some('e'),
        '\u{ee}' | '\u{ef}' => Some('i'),
        '\u{f4}' | '\u{f6}' => Some('o'),
        '\u{f9}' | '\u{fb}' | '\u{fc}' => Some('u'),
        '\u{e7}' => Some('c'),
        c if c.is_alphanumeric() && c != '\u{ba}' => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(headers: &[&str], said: &[(&str, Option<Field>)]) -> Result<Vec<Option<Field>>> {
        let headers: Vec<String> = headers.iter().map(|&header| header.into()).collect();
        let said = said
            .iter()
            .map(|&(header, field)| (header.to_owned(), field))
            .collect();
        Ok(assign(&headers, &said)?
            .into_iter()
            .map(|column| column.field)
            .collect())
    }

    #[test]
    fn columns_are_known_by_what_people_write_over_them() {
        assert_eq!(
            fields(
                &[
                    "Nom du poste",
                    "Adresse MAC",
                    "N\u{b0} de s\u{e9}rie",
                    "Prix",
                    "Mod\u{e8}le",
                    "Name"
                ],
                &[]
            )
            .unwrap(),
            [
                Some(Field::Name),
                Some(Field::Macs),
                Some(Field::Serial),
                None,
                Some(Field::Product),
                None
            ]
        );
    }

    #[test]
    fn what_a_person_says_of_a_column_wins() {
        assert_eq!(
            fields(&["name", "label"], &[("label", Some(Field::Name))]).unwrap(),
            [None, Some(Field::Name)]
        );
        assert_eq!(fields(&["name"], &[("name", None)]).unwrap(), [None]);
        assert!(fields(&["a", "b"], &[("a", Some(Field::Name)), ("b", Some(Field::Name))]).is_err());
        assert!(fields(&["a"], &[("x", None)]).is_err());
    }
}
