//! Passwords: argon2id, never kept, never logged.

use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    secret,
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 12..=256;
const ENTRY_PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 6..=64;

pub(super) fn hash_password(password: &str) -> Result<String> {
    if !PASSWORD_CHARACTERS.contains(&password.chars().count()) {
        return Err(Error::invalid(
            "a password has 12 to 256 characters",
            "choose a longer one: four words will do",
        ));
    }
    hash_any(password)
}

/// The password of a menu's entry: typed on a machine, and only ever tried through an agent's session, which is throttled.
pub(crate) fn hash_entry_password(password: &str) -> Result<String> {
    // What can be typed on every keyboard that our agent knows, without AltGr.
    let typed = |c: char| c.is_ascii_alphanumeric() || " !$%&'()*,-./:;?_".contains(c);
    if !ENTRY_PASSWORD_CHARACTERS.contains(&password.chars().count()) || !password.chars().all(typed) {
        return Err(Error::invalid(
            "the password of an entry has 6 to 64 unaccented letters, digits and ! $ % & ' ( ) * , - . / : ; ? _ or blanks",
            "choose one that can be typed on every keyboard",
        ));
    }
    hash_any(password)
}

/// argon2id with the crate's parameters (19 MiB, 2 passes: OWASP's first choice), as a PHC string.
fn hash_any(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "no-password-hash",
            "the password could not be hashed",
            "try again",
        )
        .because(error.to_string())
    })
}

pub(crate) fn verify_password(password: &str, hash: &str) -> bool {
    password.chars().count() <= *PASSWORD_CHARACTERS.end()
        && PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
}

impl Catalog {
    /// A hash that no password fits: a name that nobody has costs the same time as a wrong password.
    pub(super) fn nobodys_hash(&self) -> &str {
        self.0.nobodys_hash.get_or_init(|| {
            secret::new_secret()
                .and_then(|password| hash_password(&password))
                .unwrap_or_default()
        })
    }
}
