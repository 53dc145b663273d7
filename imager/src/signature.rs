//! Who vouches for a manifest: Ed25519 keys (RFC 8032) and the signature over a root.

use crate::error::{Error, ErrorKind, Result};
use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use protocol::manifest::{Root, SignedRoot};
use std::{fmt, str::FromStr};

/// The key of a store, as everybody may know it. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// The key of a store, as only the store knows it.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the system's random numbers.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("asking the system for random numbers: {error}"),
            )
        })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads the PEM text of a PKCS #8 key (RFC 8410).
    ///
    /// # Errors
    /// It is not one.
    pub fn from_pem(text: &str) -> Result<Self> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|error| {
            Error::new(
                ErrorKind::Damaged,
                format!("the store's key is not an Ed25519 key: {error}"),
            )
        })
    }

    /// The PEM text of the key.
    ///
    /// # Errors
    /// It cannot be encoded; never seen.
    pub fn to_pem(&self) -> Result<String> {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .map(|text| text.to_string())
            .map_err(|error| Error::new(ErrorKind::Io, format!("encoding the store's key: {error}")))
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a root.
    ///
    /// # Errors
    /// The root contradicts itself, or is too long.
    pub fn sign(&self, root: &Root) -> Result<SignedRoot> {
        root.check()?;
        let body = serde_json::to_vec(root).map_err(|error| {
            Error::new(
                ErrorKind::Damaged,
                format!("encoding the manifest's root: {error}"),
            )
        })?;
        if body.len() > SignedRoot::MAX_BODY_LEN {
            return Err(Error::new(ErrorKind::Damaged, "the manifest's root is too long"));
        }
        let public_key = self.public().0;
        let signature = self
            .0
            .sign(&SignedRoot::signed_bytes(&public_key, &body))
            .to_bytes();
        Ok(SignedRoot {
            public_key,
            signature,
            body,
        })
    }
}

impl PublicKey {
    /// Reads a root that this key signed.
    ///
    /// # Errors
    /// [`ErrorKind::Signature`] if another key signed it or a byte was changed; [`ErrorKind::Damaged`] if what was
    /// signed contradicts itself.
    pub fn open(&self, signed: &SignedRoot) -> Result<Root> {
        if signed.public_key != self.0 {
            return Err(Error::new(
                ErrorKind::Signature,
                format!(
                    "the manifest is signed by {}, expected {self}",
                    Self(signed.public_key)
                ),
            )
            .with_remedy("it comes from another store; give that store's public key if you trust it"));
        }
        let wrong = || {
            Error::new(
                ErrorKind::Signature,
                "the manifest's signature is wrong: it was changed or damaged",
            )
        };
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| wrong())?;
        let message = SignedRoot::signed_bytes(&signed.public_key, &signed.body);
        key.verify_strict(&message, &Signature::from_bytes(&signed.signature))
            .map_err(|_| wrong())?;
        let root: Root = serde_json::from_slice(&signed.body).map_err(|error| {
            Error::new(
                ErrorKind::Damaged,
                format!("the manifest's root is damaged: {error}"),
            )
        })?;
        root.check()?;
        Ok(root)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        protocol::ChunkId(self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.parse::<protocol::ChunkId>()
            .map(|id| Self(id.0))
            .map_err(|_| {
                Error::new(
                    ErrorKind::Damaged,
                    "not a public key; it has 64 hexadecimal digits",
                )
            })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKey").field(&self.public()).finish()
    }
}
