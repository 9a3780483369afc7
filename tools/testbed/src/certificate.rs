//! Makes certificates on the spot.

use crate::tls::{Identity, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::path::Path;
use std::{fs, io};

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
