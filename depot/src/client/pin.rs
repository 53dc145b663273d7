//! Trust by pin: the appliance is whoever holds a certificate that the pinned CA signed.
//!
//! | looked at | how |
//! | --- | --- |
//! | the CA | one certificate beside the leaf has the pinned SHA-256 over its DER form |
//! | the leaf | its signature verifies under the CA's key, its issuer is the CA's subject (RFC 5280 §6.1.3 a.1, a.4), it may serve TLS |
//! | the handshake | its signature verifies under the leaf's key (RFC 8446 §4.4.3) |
//! | dates | ignored: machines have dead clock batteries, and the pin came with this very boot |
//! | names | ignored: the appliance is reached by whatever address the boot named |

use aws_lc_rs::digest;
use protocol::cmdline::CaFingerprint;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{sync::Arc, time::Duration};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// The SHA-256 of a certificate in DER form: what the boot loader passes as `amorce.ca`.
#[must_use]
pub fn fingerprint(certificate_der: &[u8]) -> CaFingerprint {
    let mut octets = [0u8; 32];
    octets.copy_from_slice(digest::digest(&digest::SHA256, certificate_der).as_ref());
    CaFingerprint(octets)
}

/// The TLS configuration that trusts the pinned CA and nobody else. TLS 1.3 only: both ends are ours.
pub(crate) fn client_config(ca: CaFingerprint) -> ClientConfig {
    let provider = Arc::new(provider::default_provider());
    ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3 suites")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedCa { ca, provider }))
        .with_no_client_auth()
}

/// Why a server is not the appliance that the pin names.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PinError {
    /// No certificate in the chain is the pinned CA.
    #[error("it does not show the CA certificate that this boot was told to trust ({0})")]
    OtherCa(CaFingerprint),
    /// The pinned CA is shown, but it did not sign the leaf.
    #[error("its certificate is not signed by the CA that this boot was told to trust: {0}")]
    NotSigned(webpki::Error),
    /// A certificate does not parse.
    #[error("its certificate is malformed: {0}")]
    Malformed(webpki::Error),
}

#[derive(Debug)]
struct PinnedCa {
    ca: CaFingerprint,
    provider: Arc<CryptoProvider>,
}

impl PinnedCa {
    fn verify(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<(), PinError> {
        let ca = chain
            .iter()
            .find(|certificate| fingerprint(certificate) == self.ca)
            .ok_or(PinError::OtherCa(self.ca))?;
        let anchors = [anchor_from_trusted_cert(ca).map_err(PinError::Malformed)?];
        let leaf = EndEntityCert::try_from(leaf).map_err(PinError::Malformed)?;
        let verify_at = |time| {
            leaf.verify_for_usage(
                self.provider.signature_verification_algorithms.all,
                &anchors,
                // No certificate between CA and leaf: ours never has one.
                &[],
                time,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .map(|_| ())
        };
        // The certificate is asked for a moment at which it is valid: a check at the epoch fails by naming its first second.
        let result = match verify_at(UnixTime::since_unix_epoch(Duration::ZERO)) {
            Err(webpki::Error::CertNotValidYet { not_before, .. }) => verify_at(not_before),
            other => other,
        };
        result.map_err(PinError::NotSigned)
    }
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates)
            .map(|()| ServerCertVerified::assertion())
            .map_err(|error| Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error)))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
