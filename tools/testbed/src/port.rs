//! Ports for servers, below those that the system gives to outgoing connections.
//!
//! A server that was killed must find its port free again; a port of the system's own range may be taken meanwhile by
//! a client's end of any connection, and a client that knocks there can even connect to itself.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

const LOWEST: u16 = 12_000;
const COUNT: u16 = 20_000;
const TRIES: u16 = 200;

/// A listener on a free port.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let mut last = io::Error::other("no free port");
    for _ in 0..TRIES {
        let chance = RandomState::new().build_hasher().finish();
        let offset = u16::try_from(chance % u64::from(COUNT)).expect("COUNT is a u16");
        match TcpListener::bind((Ipv4Addr::LOCALHOST, LOWEST + offset)) {
            Ok(listener) => return Ok(listener),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Ports that were free a moment ago, all different.
pub(crate) fn free(count: usize) -> io::Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| listen())
        .collect::<io::Result<Vec<_>>>()?;
    listeners
        .iter()
        .map(|l| Ok(l.local_addr()?.port()))
        .collect()
}
