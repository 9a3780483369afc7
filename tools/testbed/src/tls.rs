//! The certificates of a test: good ones, and one for each way to be refused.

use std::path::PathBuf;

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

/// The certificates of a test, made by `Tls::new` (feature `tls`).
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
