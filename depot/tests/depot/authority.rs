//! Certificates as the appliance makes them, and as it must not be believed.

use protocol::cmdline::CaFingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::sync::Arc;

/// A certificate authority. All of them have the same subject: only their keys tell them apart.
pub struct Authority {
    pub der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

pub struct Leaf {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Test appliance CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn fingerprint(&self) -> CaFingerprint {
        depot::client::fingerprint(&self.der)
    }

    /// A leaf valid from the first day of one year to the first day of another.
    pub fn leaf(&self, from: i32, to: i32) -> Leaf {
        let mut params = CertificateParams::new(vec!["another.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.sign(params)
    }

    /// A leaf that may not serve TLS.
    pub fn client_leaf(&self) -> Leaf {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Leaf { der, key }
    }

    /// What the appliance does: its leaf, then its CA.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.leaf(2020, 2035).config(&[&self.der])
    }
}

impl Leaf {
    /// A server that shows this leaf and then these certificates.
    pub fn config(&self, chain: &[&CertificateDer<'static>]) -> Arc<ServerConfig> {
        let chain = std::iter::once(self.der.clone())
            .chain(chain.iter().map(|der| (*der).clone()))
            .collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}
