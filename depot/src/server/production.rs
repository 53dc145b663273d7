//! Masters in production: the bytes of a version's root, countersigned with a key that is kept away from the appliance.
//!
//! The signature is a file as `minisign -S` makes it (<https://jedisct1.github.io/minisign/>), so that whoever holds the key
//! can sign on a computer without a network:
//!
//! ```text
//! untrusted comment: <anything>
//! base64 of:   0   2  "ED": the signature is over the BLAKE2b-512 hash of the file; "Ed": over the file itself
//!              2   8  id of the key
//!             10  64  Ed25519 signature (RFC 8032)
//! trusted comment: <text>
//! base64 of:   0  64  Ed25519 signature over the signature above and the trusted comment's text
//!
//! public key, base64 of:   0   2  "Ed"
//!                          2   8  id of the key
//!                         10  32  Ed25519 public key
//! ```
//!
//! It is kept in the store beside the masters, under the hash of what it signs: it belongs to those bytes and to no others,
//! and is there again when the catalog is lost.

use super::{DepotServer, problem::of_store};
use base64::{Engine, engine::general_purpose::STANDARD};
use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signature, VerifyingKey};
use protocol::{MasterRef, Problem};

/// Longest signature file: four lines, two of which a person wrote.
pub const SIGNATURE_MAX_LEN: usize = 16 * 1024;

const PREFIX: &str = "production/";

/// A key whose holder puts masters into production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductionKey {
    id: [u8; 8],
    key: VerifyingKey,
}

/// What a signature says that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countersigned {
    /// What its maker wrote, as part of what is signed.
    pub comment: String,
}

impl ProductionKey {
    /// Reads the text that `minisign -G` prints, with or without its line of comment.
    ///
    /// # Errors
    /// 422 when it is none.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        let parse = || {
            let bytes = STANDARD.decode(line?).ok()?;
            let bytes: [u8; 42] = bytes.try_into().ok()?;
            let (id, key) = (
                bytes.get(2..10)?.try_into().ok()?,
                bytes.get(10..)?.try_into().ok()?,
            );
            let key = VerifyingKey::from_bytes(&key).ok().filter(|key| !key.is_weak())?;
            bytes.starts_with(b"Ed").then_some(Self { id, key })
        };
        parse().ok_or_else(|| {
            unusable(
                "this is no public key of minisign",
                "send the second line of minisign.pub, which begins with RW",
            )
        })
    }

    /// Checks a signature file over these bytes.
    ///
    /// # Errors
    /// 422 when it is no signature, of another key, or of other bytes.
    pub fn check(&self, file: &str, message: &[u8]) -> Result<Countersigned, Problem> {
        let mut lines = file.lines().map(|line| line.trim_end_matches('\r'));
        let (_, main, trusted, global) = (lines.next(), lines.next(), lines.next(), lines.next());
        let parts = || {
            let main: [u8; 74] = STANDARD.decode(main?.trim()).ok()?.try_into().ok()?;
            let comment = trusted?.strip_prefix("trusted comment: ")?;
            let global: [u8; 64] = STANDARD.decode(global?.trim()).ok()?.try_into().ok()?;
            let kind: [u8; 2] = main.get(..2)?.try_into().ok()?;
            let signature: [u8; 64] = main.get(10..)?.try_into().ok()?;
            Some((kind, main.get(2..10)? == self.id, signature, comment, global))
        };
        let (kind, is_its_key, signature, comment, global) = parts().ok_or_else(|| {
            unusable(
                "this is no signature of minisign",
                "send the file that `minisign -S` made, as it is",
            )
        })?;
        if !is_its_key {
            return Err(unusable(
                "this signature was made with another key",
                "sign with the site's production key",
            ));
        }
        let hashed = Blake2b512::digest(message);
        let signed: &[u8] = match &kind {
            b"ED" => &hashed,
            b"Ed" => message,
            _ => {
                return Err(unusable(
                    "this signature is of an unknown kind",
                    "sign with minisign",
                ));
            }
        };
        let mut with_comment = signature.to_vec();
        with_comment.extend_from_slice(comment.as_bytes());
        let good = |message: &[u8], signature: [u8; 64]| {
            self.key
                .verify_strict(message, &Signature::from_bytes(&signature))
                .is_ok()
        };
        if !good(signed, signature) || !good(&with_comment, global) {
            return Err(unusable(
                "this signature is not of this version's root",
                "download the root of this version and sign that",
            ));
        }
        Ok(Countersigned {
            comment: comment.chars().filter(|c| !c.is_control()).take(300).collect(),
        })
    }
}

fn unusable(title: &str, remedy: &str) -> Problem {
    Problem::new("production-signature", title, remedy).with_status(422)
}

impl DepotServer {
    /// The bytes of a version's root, its own signature checked: what is countersigned.
    ///
    /// # Errors
    /// 404 if there is none, 500 if it is damaged.
    pub fn root_bytes(&self, master: &MasterRef) -> Result<Vec<u8>, Problem> {
        self.signed_root(master).map(|(signed, _)| signed.encode())
    }

    /// The signature that puts a version into production, if this key made the one that is kept.
    ///
    /// # Errors
    /// 404 if there is no such version, or the storage cannot be read.
    pub fn countersignature(
        &self,
        master: &MasterRef,
        key: &ProductionKey,
    ) -> Result<Option<Countersigned>, Problem> {
        let root = self.root_bytes(master)?;
        let name = object_of(&root);
        let storage = self.store.storage();
        let Some(len) = storage.len(&name).map_err(of_store)? else {
            return Ok(None);
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(SIGNATURE_MAX_LEN);
        let file = storage.get_range(&name, 0, len).map_err(of_store)?;
        Ok(key.check(&String::from_utf8_lossy(&file), &root).ok())
    }

    /// Puts a version into production.
    ///
    /// # Errors
    /// 422 when the signature is not this key's over this version, 404 if there is no such version.
    pub fn countersign(
        &self,
        master: &MasterRef,
        key: &ProductionKey,
        file: &str,
    ) -> Result<Countersigned, Problem> {
        let root = self.root_bytes(master)?;
        let found = key.check(file, &root)?;
        let (name, storage) = (object_of(&root), self.store.storage());
        let kept = || {
            storage.delete(&name)?;
            storage.put(&name, file.as_bytes())?;
            storage.commit()
        };
        kept().map_err(of_store)?;
        Ok(found)
    }

    /// Takes a version out of production.
    ///
    /// # Errors
    /// 404 if there is no such version, or the storage cannot be written.
    pub fn withdraw_countersignature(&self, master: &MasterRef) -> Result<(), Problem> {
        let root = self.root_bytes(master)?;
        let storage = self.store.storage();
        storage
            .delete(&object_of(&root))
            .and_then(|()| storage.commit())
            .map_err(of_store)
    }
}

fn object_of(root: &[u8]) -> String {
    format!("{PREFIX}{}.minisig", blake3::hash(root).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Made with minisign 0.11: one key, one file, both kinds of signature.
    const KEY: &str = "RWTajvcmnd1bEoza2mrtohglmg1NwGkW3iKAoOSZZCFcscoIR9Iay/m6";
    const HASHED: &str = "untrusted comment: signature from minisign secret key\n\
        RUTajvcmnd1bElnuoDIKKdgBWI7UH/TMDyeVoKp63VMjt9MBlUMdmFCD2PhmO0sMqrni4PGnoLlMEmUpWiqsSe1+hAAK7SJJegI=\n\
        trusted comment: approved for the rooms\n\
        wYztmng5DrXPaPJVOatt5LRUqteR2r5qZFJjzF68MqAJhV9ut8ybfq9Y+qAsgSfS4T0Gk06Z/m1SSd7PFDq/Dw==\n";
    const PLAIN: &str = "untrusted comment: signature from minisign secret key\n\
        RWTajvcmnd1bEvMTMhEabd8CeTob7vIAJ0C/+LdHdj5bY9zTgl6bUN/gjWKFCfNlTrH9IV8Ib/bUs13MaVzRFXGIB+tRXB/ehQc=\n\
        trusted comment: timestamp:1795376007	file:f\n\
        u3tSItegqb4m2YyLLAIu7NUiCo06JrbpozH4Ejitru3hmCEGMh8JVNTRAaAt35pzaRC2ADlgI0Pj1NWEIOYuDQ==\n";
    const FILE: &[u8] = b"the root of a master";

    #[test]
    fn signatures_of_minisign_are_good_for_their_file_and_for_no_other() {
        let key = ProductionKey::parse(&format!("untrusted comment: k\n{KEY}\n")).unwrap();
        assert_eq!(key.check(HASHED, FILE).unwrap().comment, "approved for the rooms");
        key.check(PLAIN, FILE).unwrap();
        assert!(key.check(HASHED, b"the root of another").is_err());
        let other_words = HASHED.replace("approved", "rejected");
        assert!(
            key.check(&other_words, FILE).is_err(),
            "the comment is signed, too"
        );
    }

    #[test]
    fn a_flipped_character_of_a_signature_or_key_is_noticed() {
        let key = ProductionKey::parse(KEY).unwrap();
        for place in HASHED.find('\n').unwrap() + 1..HASHED.trim_end().len() - 3 {
            let mut bytes = HASHED.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let file = String::from_utf8(bytes).unwrap();
            assert!(key.check(&file, FILE).is_err(), "at {place}");
        }
        assert!(ProductionKey::parse(&KEY[2..]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "(?s).{0,400}") {
            prop_assert!(ProductionKey::parse(&text).is_err());
            let key = ProductionKey::parse(KEY).unwrap();
            prop_assert!(key.check(&text, FILE).is_err());
        }
    }
}
