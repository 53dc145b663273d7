//! Our own certificate authority, and the certificate that agents and browsers see.
//!
//! | file under `tls/` | what | mode |
//! | --- | --- | --- |
//! | `ca.pem` | CA certificate, made at first start, never renewed: agents pin its SHA-256 | 0644 |
//! | `ca.key` | its private key | 0600 |
//! | `server.pem` | certificate for this machine's addresses, renewed by itself | 0644 |
//! | `server.key` | its private key | 0600 |
//!
//! An administrator who imports `ca.pem` into browsers once has no warning ever after, whatever addresses change.

use anyhow::{Context, Result, anyhow};
use protocol::cmdline::CaFingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Days that the server's certificate is valid: browsers accept no more than about 13 months.
const SERVER_DAYS: i64 = 396;
/// Days before its end at which it is renewed.
const RENEW_DAYS: i64 = 30;

/// The CA and the server certificate of this appliance.
pub struct Certificates {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    fingerprint: CaFingerprint,
}

impl Certificates {
    /// Opens the folder, makes what is not there, renews what is due or does not name all `addresses`.
    pub fn open(folder: &Path, addresses: &[Ipv4Addr]) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let files = Files::in_folder(folder);
        // A key alone is what a first start leaves that is cut short: nobody has seen a certificate of it.
        let is_new = !files.ca.exists() && (!files.ca_key.exists() || !files.server_key.exists());
        if is_new {
            make_ca(&files)?;
        }
        let ca_pem = read(&files.ca)?;
        let ca_key = KeyPair::from_pem(&read(&files.ca_key)?).with_context(|| {
            format!(
                "{} is not a private key; restore tls/ from a backup",
                files.ca_key.display()
            )
        })?;
        let ca_der = CertificateDer::from_pem_slice(ca_pem.as_bytes())
            .map_err(|error| anyhow!("{} is not a certificate: {error}", files.ca.display()))?;
        if is_new || !server_is_current(&files.server, addresses) || !files.server_key.exists() {
            let issuer = Issuer::from_ca_cert_pem(&ca_pem, ca_key)
                .with_context(|| format!("{} is not a CA certificate", files.ca.display()))?;
            make_server(&files, &issuer, addresses)?;
        }
        let server = CertificateDer::from_pem_file(&files.server)
            .map_err(|error| anyhow!("{} is not a certificate: {error}", files.server.display()))?;
        let key = PrivateKeyDer::from_pem_file(&files.server_key)
            .map_err(|error| anyhow!("{} is not a private key: {error}", files.server_key.display()))?;
        let digest = aws_lc_rs_digest(&ca_der);
        Ok(Self {
            chain: vec![server, ca_der],
            key,
            fingerprint: CaFingerprint(digest),
        })
    }

    /// What agents pin.
    pub fn fingerprint(&self) -> CaFingerprint {
        self.fingerprint
    }

    /// TLS settings for a listener with our own certificate. The chain carries the CA, for the pin to be found in it.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        server_config(self.chain.clone(), self.key.clone_key())
    }
}

/// TLS settings for a listener with an uploaded certificate.
pub fn uploaded_server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| {
            anyhow!(
                "{} is not a certificate chain in PEM form: {error}",
                certificate.display()
            )
        })?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| anyhow!("{} is not a private key in PEM form: {error}", key.display()))?;
    server_config(chain, key)
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the TLS library offers no protocol version")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not belong together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

struct Files {
    ca: PathBuf,
    ca_key: PathBuf,
    server: PathBuf,
    server_key: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Self {
        Self {
            ca: folder.join("ca.pem"),
            ca_key: folder.join("ca.key"),
            server: folder.join("server.pem"),
            server_key: folder.join("server.key"),
        }
    }
}

fn make_ca(files: &Files) -> Result<()> {
    let key = KeyPair::generate().context("no key can be made")?;
    // Clocks of PCs are often years off, so the CA's own dates span everything; the pin is what counts.
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Amorce appliance CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params
        .self_signed(&key)
        .context("the CA certificate cannot be made")?;
    // The key first: a CA certificate without its key would be useless for ever after.
    write(&files.ca_key, key.serialize_pem().as_bytes(), 0o600)?;
    write(&files.ca, certificate.pem().as_bytes(), 0o644)
}

fn make_server(files: &Files, issuer: &Issuer<'_, KeyPair>, addresses: &[Ipv4Addr]) -> Result<()> {
    let key = KeyPair::generate().context("no key can be made")?;
    let mut params =
        CertificateParams::new(vec!["localhost".to_owned()]).context("no certificate can be made")?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Amorce appliance");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    for address in addresses {
        params
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(*address)));
    }
    let today = jiff::Zoned::now().date();
    let day = |offset: i64| -> Result<_> {
        let date = today
            .checked_add(jiff::Span::new().days(offset))
            .context("the clock is out of range")?;
        Ok(rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        ))
    };
    params.not_before = day(-1)?;
    params.not_after = day(SERVER_DAYS)?;
    let certificate = params
        .signed_by(&key, issuer)
        .context("the server certificate cannot be made")?;
    write(&files.server_key, key.serialize_pem().as_bytes(), 0o600)?;
    write(&files.server, certificate.pem().as_bytes(), 0o644)
}

/// Whether the certificate exists, is not near its end, and names all addresses.
fn server_is_current(path: &Path, addresses: &[Ipv4Addr]) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(path) else {
        return false;
    };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&der) else {
        return false;
    };
    let now = jiff::Timestamp::now().as_second();
    if certificate.validity().not_after.timestamp() - now < RENEW_DAYS * 86_400 {
        return false;
    }
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let named: BTreeSet<Ipv4Addr> = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            x509_parser::extensions::GeneralName::IPAddress(octets) => {
                Some(Ipv4Addr::from(<[u8; 4]>::try_from(*octets).ok()?))
            }
            _ => None,
        })
        .collect();
    addresses.iter().all(|address| named.contains(address))
}

fn aws_lc_rs_digest(bytes: &[u8]) -> [u8; 32] {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, bytes);
    let mut octets = [0; 32];
    octets.copy_from_slice(digest.as_ref());
    octets
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| {
        format!(
            "{} cannot be read; restore the folder tls/ from a backup",
            path.display()
        )
    })
}

/// Writes a file whole or not at all, with its mode from the first byte on.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let context = || format!("{} cannot be written", path.display());
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)
        .with_context(context)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .with_context(context)?;
    fs::rename(&temporary, path).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_pin_survives_restarts_and_new_addresses_and_the_key_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = Certificates::open(folder.path(), &[Ipv4Addr::LOCALHOST]).unwrap();
        let server = fs::read(folder.path().join("server.pem")).unwrap();
        let again = Certificates::open(folder.path(), &[Ipv4Addr::LOCALHOST]).unwrap();
        assert_eq!(
            fs::read(folder.path().join("server.pem")).unwrap(),
            server,
            "renewed without need"
        );
        let moved = Certificates::open(folder.path(), &[Ipv4Addr::new(192, 0, 2, 1)]).unwrap();
        assert_ne!(
            fs::read(folder.path().join("server.pem")).unwrap(),
            server,
            "the new address is not named"
        );
        assert!(first.fingerprint() == again.fingerprint() && first.fingerprint() == moved.fingerprint());
        for name in ["ca.key", "server.key"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_made_good_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        Certificates::open(folder.path(), &[]).unwrap();
        for name in ["ca.pem", "server.pem", "server.key"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        Certificates::open(folder.path(), &[]).unwrap();
        // A CA that has signed is never replaced by itself: its pin may be in browsers.
        fs::remove_file(folder.path().join("ca.pem")).unwrap();
        let error = format!("{:#}", Certificates::open(folder.path(), &[]).err().unwrap());
        assert!(error.contains("ca.pem"), "{error}");
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Certificates::open(folder.path(), &[]).unwrap();
        fs::write(folder.path().join("ca.key"), "garbage").unwrap();
        let error = format!("{:#}", Certificates::open(folder.path(), &[]).err().unwrap());
        assert!(error.contains("ca.key"), "{error}");
        assert_eq!(fs::read(folder.path().join("ca.key")).unwrap(), b"garbage");
    }
}
