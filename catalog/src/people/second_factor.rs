//! The second factor: time-based one-time passwords (RFC 6238) over HMAC-SHA-1 (RFC 4226), six digits, steps of 30 seconds,
//! as every authenticator on a phone has them; and recovery codes for whoever lost the phone.
//!
//! The secret is kept as it is, because codes are computed from it: whoever can read the catalog's file can compute them.

use super::{Actor, Person, first::plain_code, session};
use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    secret,
    time::Time,
};
use aws_lc_rs::hmac;
use protocol::uri::percent_encoded;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// Bytes of a secret: as many as SHA-1 has (RFC 4226 §4, R6).
const SECRET_LEN: usize = 20;
const STEP_MILLISECONDS: i64 = 30_000;
/// Clocks may be apart by so many steps (RFC 6238 §5.2 asks for one at most).
const STEPS_APART: i64 = 1;
const RECOVERY_CODES: usize = 10;

/// A secret that a phone can take over.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactorOffer {
    /// The secret in base 32 (RFC 4648 §6), to be typed.
    pub secret: String,
    /// The same for a QR code: `otpauth://totp/…`.
    pub address: String,
}

/// The code of a moment.
#[must_use]
pub fn code_at(secret: &[u8], now: Time) -> String {
    code_of_step(secret, now.0.div_euclid(STEP_MILLISECONDS))
}

/// RFC 4226 §5.3 with the step of time as its counter.
fn code_of_step(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 15);
    let four = bytes.get(offset..offset + 4).unwrap_or(&[0; 4]);
    let number = four
        .iter()
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
        & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

impl Catalog {
    /// Begins a second factor: the secret counts once a code of it was shown.
    ///
    /// # Errors
    /// When the password is wrong, or there is a second factor already.
    pub fn offer_second_factor(
        &self,
        person: &Person,
        password: &str,
        actor: &Actor,
    ) -> Result<SecondFactorOffer> {
        self.check_own_password(person, password, actor.peer.as_deref())?;
        let bytes: [u8; SECRET_LEN] = secret::random()?;
        self.write(|writing| {
            let changed = writing.transaction.execute(
                "UPDATE user SET second_factor_wish = ?2 WHERE id = ?1 AND second_factor IS NULL",
                params![person.id.to_string(), bytes.as_slice()],
            )?;
            match changed {
                0 => Err(Error::new(
                    ErrorKind::Conflict,
                    "has-second-factor",
                    "there is a second factor already",
                    "remove it first",
                )),
                _ => Ok(()),
            }
        })?;
        let secret = base32(&bytes);
        let name = percent_encoded(&person.name);
        Ok(SecondFactorOffer {
            address: format!("otpauth://totp/Amorce:{name}?secret={secret}&issuer=Amorce"),
            secret,
        })
    }

    /// Confirms the secret by a code of it. From now on it is asked for; other sessions end. The recovery codes.
    ///
    /// # Errors
    /// When nothing was begun, or the code is wrong.
    pub fn confirm_second_factor(&self, person: &Person, code: &str, actor: &Actor) -> Result<Vec<String>> {
        let now = self.now();
        let peer = actor.peer.as_deref();
        self.0.throttle.check(&person.name, peer, now)?;
        let codes = (0..RECOVERY_CODES)
            .map(|_| secret::new_code())
            .collect::<Result<Vec<_>>>()?;
        let confirmed = self.write(|writing| {
            let connection = writing.transaction;
            let id = person.id.to_string();
            let wish: Option<Vec<u8>> = connection.query_row(
                "SELECT second_factor_wish FROM user WHERE id = ?1 AND second_factor IS NULL",
                [&id],
                |row| row.get(0),
            ).optional()?.flatten();
            let wish = wish.ok_or_else(|| {
                Error::new(
                    ErrorKind::Conflict,
                    "no-second-factor",
                    "no second factor was begun",
                    "begin one first",
                )
            })?;
            let step = fitting_step(&wish, code, 0, now).ok_or_else(wrong_code)?;
            connection.execute(
                "UPDATE user SET second_factor = second_factor_wish, second_factor_wish = NULL, second_factor_step = ?2,
                     revision = revision + 1 WHERE id = ?1",
                params![id, step],
            )?;
            for code in &codes {
                connection.execute(
                    "INSERT INTO recovery_code (user, hash) VALUES (?1, ?2)",
                    params![id, secret::hash(&plain_code(code)).as_slice()],
                )?;
            }
            session::end_others(connection, &id, Some(person.session))?;
            writing.audit(actor, "add-second-factor", "person", person.id, None, None)
        });
        confirmed.inspect_err(|error| {
            if error.code() == "wrong-code" {
                self.0.throttle.failed(&person.name, peer, now);
            }
        })?;
        Ok(codes)
    }

    /// Removes one's own second factor.
    ///
    /// # Errors
    /// When the password is wrong.
    pub fn remove_second_factor(&self, person: &Person, password: &str, actor: &Actor) -> Result<()> {
        self.check_own_password(person, password, actor.peer.as_deref())?;
        self.write(|writing| {
            remove(writing.transaction, person.id)?;
            writing.audit(actor, "remove-second-factor", "person", person.id, None, None)
        })
    }
}

pub(super) fn remove(connection: &Connection, person: Uuid) -> Result<()> {
    connection.execute(
        "UPDATE user SET second_factor = NULL, second_factor_wish = NULL, revision = revision + 1 WHERE id = ?1",
        [person.to_string()],
    )?;
    connection.execute("DELETE FROM recovery_code WHERE user = ?1", [person.to_string()])?;
    Ok(())
}

/// Takes a code at the door: each counts once.
pub(super) fn use_code(
    connection: &Connection,
    person: &str,
    secret: &[u8],
    code: &str,
    now: Time,
) -> Result<()> {
    let used: i64 = connection.query_row(
        "SELECT second_factor_step FROM user WHERE id = ?1",
        [person],
        |row| row.get(0),
    )?;
    if let Some(step) = fitting_step(secret, code, used, now) {
        connection.execute(
            "UPDATE user SET second_factor_step = ?2 WHERE id = ?1",
            params![person, step],
        )?;
        return Ok(());
    }
    let recovered = connection.execute(
        "DELETE FROM recovery_code WHERE user = ?1 AND hash = ?2",
        params![person, secret::hash(&plain_code(code)).as_slice()],
    )?;
    if recovered == 0 { Err(wrong_code()) } else { Ok(()) }
}

/// The step of time whose code this is, behind the one that was used last.
fn fitting_step(secret: &[u8], code: &str, used: i64, now: Time) -> Option<i64> {
    let typed: String = code.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    let step = now.0.div_euclid(STEP_MILLISECONDS);
    (step - STEPS_APART..=step + STEPS_APART)
        .filter(|step| *step > used)
        // Comparing with a `blake3::Hash` takes the same time wherever they differ.
        .find(|step| blake3::hash(code_of_step(secret, *step).as_bytes()) == blake3::hash(typed.as_bytes()))
}

pub(super) fn needed() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "code-needed",
        "this account has a second factor",
        "send the code that the authenticator shows, or a recovery code",
    )
}

fn wrong_code() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "wrong-code",
        "the code is wrong, or was used already",
        "wait for the next code, and check that both clocks are right",
    )
}

/// RFC 4648 §6, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let value = group
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
            << (8 * (5 - group.len()));
        for place in 0..(group.len() * 8).div_ceil(5) {
            text.push(char::from(ALPHABET[(value >> (35 - 5 * place) & 31) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, Time(seconds * 1000)), code);
        }
    }

    #[test]
    fn base_32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
