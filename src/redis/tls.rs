//! Connections with TLS: what they trust, and what may be trusted.

use super::connect::Connector;
use crate::store::StoreError;
use redis::{Client, ConnectionInfo, RedisResult};

/// Without TLS nothing is made of it.
#[cfg(not(feature = "redis-tls"))]
pub(super) fn check_ca(_pem: &[u8]) -> Result<(), StoreError> {
    Ok(())
}

/// Refuses what holds no certificate: every server would be refused, and the certificates of those blamed for it.
#[cfg(feature = "redis-tls")]
pub(super) fn check_ca(pem: &[u8]) -> Result<(), StoreError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let refused = |reason: String| StoreError::Refused {
        what: "RedisOptions::tls_ca".to_string(),
        reason,
    };
    let mut trusted = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| refused(format!("it is no PEM: {e}")))?;
        let added = trusted.add(certificate);
        added.map_err(|e| refused(format!("a certificate in it cannot be read: {e}")))?;
    }
    match trusted.is_empty() {
        true => Err(refused(
            "there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----"
                .to_string(),
        )),
        false => Ok(()),
    }
}

#[cfg(not(feature = "redis-tls"))]
impl Connector {
    pub(super) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        Client::open(info)
    }

    pub(super) fn secured(
        &self,
        builder: redis::cluster::ClusterClientBuilder,
    ) -> redis::cluster::ClusterClientBuilder {
        builder
    }
}

#[cfg(feature = "redis-tls")]
impl Connector {
    fn certificates(&self) -> redis::TlsCertificates {
        // The client enables no provider of cryptography by itself and panics without one; one that the program has
        // installed before stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = self.options().tls_client.as_ref();
        redis::TlsCertificates {
            client_tls: client.map(|(certificate, key)| redis::ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.reveal().as_bytes().to_vec(),
            }),
            root_cert: self.options().tls_ca.clone(),
        }
    }

    pub(super) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match self.address().tls {
            true => Client::build_with_tls(info, self.certificates()),
            false => Client::open(info),
        }
    }

    pub(super) fn secured(
        &self,
        builder: redis::cluster::ClusterClientBuilder,
    ) -> redis::cluster::ClusterClientBuilder {
        match self.address().tls {
            true => builder
                .certs(self.certificates())
                .tls(redis::cluster::TlsMode::Secure),
            false => builder,
        }
    }
}

#[cfg(all(test, feature = "redis-tls"))]
mod tests {
    use super::*;

    #[test]
    fn only_certificates_are_trusted() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (pem, part) in [
            ("", "no certificate in it"),
            ("CREATE STREAM S (v INT);", "no certificate in it"),
            (key, "no certificate in it"),
            (damaged, "cannot be read"),
            (cut, "it is no PEM"),
        ] {
            let error = check_ca(pem.as_bytes()).expect_err(pem).to_string();
            assert!(
                error.starts_with("RedisOptions::tls_ca: refused: "),
                "{error}"
            );
            assert!(error.contains(part), "{pem}: {error}");
        }
    }
}
