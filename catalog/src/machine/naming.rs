//! Naming many machines by a pattern: `s204-{nn}`.
//!
//! | part | becomes |
//! | --- | --- |
//! | `{n}`, `{nn}`, `{nnn}`, `{nnnn}` | the machine's number, with at least so many digits |
//! | `{serial}` | its serial number |
//! | `{mac}` | its first own adapter's address, without colons |
//! | `{product}` | its product name, blanks as dashes |

use super::{check_name, edited_part, load_machine, save_edited};
use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    identity::Identity,
    people::Actor,
};
use protocol::MachineId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;

/// Machines that are named at once.
const MACHINES_MAX: usize = 1000;

/// How machines shall be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamingWish {
    /// Which, in the order in which they are numbered.
    pub machines: Vec<MachineId>,
    /// What their names are made by.
    pub pattern: String,
    /// The first one's number.
    pub start: u32,
}

/// A name that a machine would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameProposal {
    /// The machine.
    pub machine: MachineId,
    /// What it is called now.
    pub label: String,
    /// The name.
    pub name: String,
    /// Why it cannot have it, and what to do.
    pub problem: Option<String>,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number(usize),
    Serial,
    Mac,
    Product,
}

impl Catalog {
    /// The names that machines would get. Nothing is changed.
    ///
    /// # Errors
    /// When the pattern makes no names, or a machine is not there.
    pub fn propose_names(&self, wish: &NamingWish) -> Result<Vec<NameProposal>> {
        let pieces = checked(wish)?;
        self.0
            .database
            .read(|transaction| propose(transaction, wish, &pieces))
    }

    /// Names machines, all or none.
    ///
    /// # Errors
    /// As [`Catalog::propose_names`], and when a machine cannot have its name.
    pub fn name_machines(&self, wish: &NamingWish, actor: &Actor) -> Result<Vec<NameProposal>> {
        let pieces = checked(wish)?;
        self.write(|writing| {
            let proposals = propose(writing.transaction, wish, &pieces)?;
            if let Some((name, problem)) = proposals
                .iter()
                .find_map(|proposal| Some((&proposal.name, proposal.problem.as_ref()?)))
            {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "names-refused",
                    format!("\u{201c}{name}\u{201d}: {problem}"),
                    "look at the proposals, then choose another pattern or other machines",
                ));
            }
            for proposal in &proposals {
                let mut machine = load_machine(writing.transaction, proposal.machine)?
                    .ok_or_else(|| Error::not_found("such machine"))?;
                let before = edited_part(&machine);
                machine.name = Some(proposal.name.clone());
                save_edited(writing, &mut machine, before, actor)?;
            }
            Ok(proposals)
        })
    }
}

fn checked(wish: &NamingWish) -> Result<Vec<Piece>> {
    if wish.machines.is_empty() || wish.machines.len() > MACHINES_MAX {
        return Err(Error::invalid(
            format!("1 to {MACHINES_MAX} machines are named at once"),
            "select some machines",
        ));
    }
    let mut seen = HashSet::new();
    if !wish.machines.iter().all(|id| seen.insert(*id)) {
        return Err(Error::invalid(
            "a machine is named twice in the selection",
            "name it once",
        ));
    }
    parse(&wish.pattern)
}

fn parse(pattern: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = check_name(pattern)?;
    while let Some(open) = rest.find('{') {
        let (text, behind) = rest.split_at(open);
        let (word, behind) = behind[1..].split_once('}').ok_or_else(|| {
            Error::invalid("the pattern has a { without its }", "write {nn} for the number")
        })?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(match word {
            "n" | "nn" | "nnn" | "nnnn" => Piece::Number(word.len()),
            "serial" => Piece::Serial,
            "mac" => Piece::Mac,
            "product" => Piece::Product,
            _ => {
                return Err(Error::invalid(
                    format!("a pattern knows no {{{word}}}"),
                    "use {n}, {nn}, {nnn}, {nnnn}, {serial}, {mac} or {product}",
                ));
            }
        });
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
        return Err(Error::invalid(
            "every machine would get the same name",
            "put {nn} where the number shall be",
        ));
    }
    Ok(pieces)
}

fn propose(connection: &Connection, wish: &NamingWish, pieces: &[Piece]) -> Result<Vec<NameProposal>> {
    let selected: HashSet<MachineId> = wish.machines.iter().copied().collect();
    let mut given: HashSet<String> = HashSet::new();
    let mut proposals = Vec::with_capacity(wish.machines.len());
    for (place, id) in wish.machines.iter().enumerate() {
        let machine = load_machine(connection, *id)?.ok_or_else(|| Error::not_found("such machine"))?;
        let number = u64::from(wish.start).saturating_add(place as u64);
        let mut missing = None;
        let mut name = String::new();
        for piece in pieces {
            let word = match piece {
                Piece::Text(text) => text.clone(),
                Piece::Number(digits) => format!("{number:0digits$}"),
                Piece::Serial => part(machine.facts.smbios.serial.trim(), "serial number", &mut missing),
                Piece::Product => {
                    part(machine.facts.smbios.product.trim(), "product name", &mut missing).replace(' ', "-")
                }
                Piece::Mac => {
                    let mac = Identity::of(&machine.facts).macs.first().copied();
                    let text = mac
                        .map(|mac| mac.to_string().replace(':', ""))
                        .unwrap_or_default();
                    part(&text, "adapter of its own", &mut missing)
                }
            };
            name.push_str(&word);
        }
        let taken = || -> Result<Option<String>> {
            let other = named(connection, &name, *id)?;
            Ok(other
                .filter(|other| !selected.contains(other))
                .map(|_| "another machine has this name; start at another number".to_owned()))
        };
        let problem = match missing {
            Some(what) => Some(format!("this machine has no {what}; leave that part out")),
            None if check_name(&name).is_err() => {
                Some("a name has at most 100 characters and no control character".to_owned())
            }
            None if !given.insert(name.to_lowercase()) => {
                Some("another machine of the selection gets the same; put {nn} into the pattern".to_owned())
            }
            None => taken()?,
        };
        proposals.push(NameProposal {
            machine: *id,
            label: machine.label(),
            name,
            problem,
        });
    }
    Ok(proposals)
}

fn part(text: &str, what: &'static str, missing: &mut Option<&'static str>) -> String {
    if text.is_empty() {
        *missing = Some(what);
    }
    text.to_owned()
}

/// Another machine that has this name, in any case.
pub(crate) fn named(connection: &Connection, name: &str, except: MachineId) -> Result<Option<MachineId>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT id FROM machine WHERE name = ?1 COLLATE NOCASE AND id <> ?2 LIMIT 1")?
        .query_row(params![name, except.to_string()], |row| row.get(0))
        .optional()?;
    found.as_deref().map(crate::job::parse_id).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_and_nonsense_is_named() {
        assert_eq!(
            parse("s204-{nn}").unwrap(),
            [Piece::Text("s204-".into()), Piece::Number(2)]
        );
        assert_eq!(parse("{mac}").unwrap(), [Piece::Mac]);
        for nonsense in ["", "pc", "pc-{", "pc-{nnnnn}", "{N}", "pc-}", "{}"] {
            assert!(parse(nonsense).is_err(), "{nonsense:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in ".{0,120}") {
            let _ = parse(&pattern);
        }
    }
}
