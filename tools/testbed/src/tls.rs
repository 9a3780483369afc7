//! Certificates made on the spot: good ones, and one for each way to be refused.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A certificate and its key, as files and as bytes, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
    /// What is in the file of the certificate.
    pub certificate_pem: Vec<u8>,
    /// What is in the file of the key.
    pub key_pem: Vec<u8>,
}

/// The certificates of a test.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authority that signed all but `other_ca`.
    pub ca: Identity,
    /// An authority that signed nothing.
    pub other_ca: Identity,
    /// For a server at `127.0.0.1` and `localhost`.
    pub server: Identity,
    /// For a server that is somewhere else, `redis.example`.
    pub elsewhere: Identity,
    /// For a server at `127.0.0.1` and `localhost`, until the year 2001.
    pub expired: Identity,
    /// For a client.
    pub client: Identity,
}

const HERE: &[&str] = &["127.0.0.1", "localhost"];

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Tls {
    /// Writes all of them into a directory that exists.
    ///
    /// # Panics
    /// When they cannot be written.
    #[track_caller]
    pub fn new(dir: &Path) -> Tls {
        Tls::try_new(dir).expect("certificates are made and written")
    }

    /// The same.
    pub fn try_new(dir: &Path) -> io::Result<Tls> {
        let made = authority("eventflux testbed").map_err(io::Error::other)?;
        let other = authority("somebody else").map_err(io::Error::other)?;
        let leaf = |name: &str, hosts: &[&str], expired: bool| {
            let (certificate, key) = leaf(name, hosts, expired, &made).map_err(io::Error::other)?;
            write(dir, name, certificate, key)
        };
        Ok(Tls {
            ca: write(dir, "ca", made.pem(), made.key().serialize_pem())?,
            other_ca: write(dir, "other-ca", other.pem(), other.key().serialize_pem())?,
            server: leaf("server", HERE, false)?,
            elsewhere: leaf("elsewhere", &["redis.example"], false)?,
            expired: leaf("expired", HERE, true)?,
            client: leaf("client", &["client.example"], false)?,
        })
    }
}

fn authority(name: &str) -> Result<Issuer, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn leaf(
    name: &str,
    hosts: &[&str],
    expired: bool,
    issuer: &Issuer,
) -> Result<(String, String), rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // servers use theirs as clients, too, when they replicate
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    if expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn write(dir: &Path, name: &str, certificate: String, key: String) -> io::Result<Identity> {
    let identity = Identity {
        certificate: dir.join(format!("{name}.crt")),
        key: dir.join(format!("{name}.key")),
        certificate_pem: certificate.into_bytes(),
        key_pem: key.into_bytes(),
    };
    fs::write(&identity.certificate, &identity.certificate_pem)?;
    fs::write(&identity.key, &identity.key_pem)?;
    Ok(identity)
}
