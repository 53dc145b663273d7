//! Secrets that are handed out once and kept as a hash: boot tokens, session keys, cookies, one-time codes.

use crate::error::{Error, ErrorKind, Result};

/// BLAKE3 of a secret: all that is kept of it. The secrets have 256 random bits (codes: 80, and few tries), so a fast hash
/// is enough; passwords go through argon2id instead.
pub(crate) type SecretHash = [u8; 32];

/// A new secret of 256 random bits: 43 characters of base64url (RFC 4648 §5).
pub(crate) fn new_secret() -> Result<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes: [u8; 32] = random()?;
    let mut text = String::with_capacity(43);
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .fold(0_u32, |value, byte| value << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(value >> (18 - 6 * place) & 63) as usize]));
        }
    }
    Ok(text)
}

/// A new code for people to type: 16 characters in groups of four, without the letters that look like others.
pub(crate) fn new_code() -> Result<String> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKMNPQRSTUVWXYZ234567899";
    let bytes: [u8; 16] = random()?;
    let mut text = String::with_capacity(19);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    Ok(text)
}

pub(crate) fn hash(secret: &str) -> SecretHash {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "no-random-numbers",
            "the kernel gives no random numbers",
            "restart the appliance",
        )
        .because(error.to_string())
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_different_and_fit_a_kernel_command_line() {
        let (one, two) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 43);
        assert!(
            one.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        );
        assert_eq!(new_code().unwrap().len(), 19);
    }
}
