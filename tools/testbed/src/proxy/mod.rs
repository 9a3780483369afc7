//! A TCP proxy before one server that can be told to misbehave.
//!
//! Each connection has four threads: per direction one that reads, looks and decides, and one that waits and writes,
//! so that a latency delays bytes without slowing them down.

mod frames;
mod link;
mod toxic;

use crate::HANG;
use crate::port;
use crate::wait::try_until;
use link::Link;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use toxic::Shared;
pub use toxic::{Direction, Toxic, Which};

const UPSTREAM: Duration = Duration::from_secs(10);

type Links = Arc<Mutex<Vec<Link>>>;

/// A proxy. Dropped: its connections are reset, its threads have ended.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    links: Links,
    upstream: Arc<AtomicU16>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before a port of 127.0.0.1, with the seed 1.
    ///
    /// # Panics
    /// When there is no port or no thread for it.
    #[track_caller]
    pub fn start(upstream_port: u16) -> Proxy {
        Proxy::try_start(upstream_port, 1).expect("a proxy starts")
    }

    /// The same; the seed decides what is left to chance.
    pub fn try_start(upstream_port: u16, seed: u64) -> io::Result<Proxy> {
        let listener = port::listen()?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::new(seed));
        let links = Links::default();
        let upstream = Arc::new(AtomicU16::new(upstream_port));
        let acceptor = Acceptor {
            port,
            upstream: Arc::clone(&upstream),
            shared: Arc::clone(&shared),
            links: Arc::clone(&links),
        };
        let acceptor = thread::Builder::new()
            .name("proxy-accept".to_string())
            .spawn(move || acceptor.run(listener))?;
        Ok(Proxy {
            port,
            shared,
            links,
            upstream,
            acceptor: Some(acceptor),
        })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Behaves so from now on; counters of the toxic begin anew. With [`Toxic::Cut`] all connections are reset, and
    /// new ones refused, when this returns.
    ///
    /// # Panics
    /// When the port was taken while it was cut.
    #[track_caller]
    pub fn set(&self, toxic: Toxic) {
        let cut = toxic == Toxic::Cut;
        self.shared.set(toxic);
        if cut {
            wake(self.port);
        }
        try_until(HANG, "the proxy to follow", || {
            Ok(self.shared.listens() != cut)
        })
        .expect("the proxy follows");
        if cut {
            self.reset_all();
        }
    }

    /// Leads to another port of 127.0.0.1 from now on, as an address does that is moved in a failover. All connections
    /// are reset.
    pub fn switch(&self, upstream_port: u16) {
        self.upstream.store(upstream_port, Ordering::SeqCst);
        self.reset_all();
    }

    /// Resets all connections; new ones are taken.
    pub fn reset_all(&self) {
        end_all(&self.links, &self.shared);
    }

    /// How often the toxic has cut, dropped or flipped since it was set.
    pub fn fired(&self) -> u64 {
        self.shared.rules().fired
    }

    /// How many requests of this name have been seen, such as `EVALSHA`.
    pub fn seen(&self, command: &str) -> u64 {
        let rules = self.shared.rules();
        rules
            .seen
            .get(&command.to_uppercase())
            .copied()
            .unwrap_or(0)
    }

    /// How many requests of each name have been seen.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.shared.rules().seen.clone()
    }

    /// How many connections have been taken.
    pub fn accepted(&self) -> u64 {
        self.shared.rules().accepted
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.iter().filter(|l| !l.ended()).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.finish();
        wake(self.port);
        if let Some(acceptor) = self.acceptor.take() {
            // its panic has been reported by the thread itself
            let _ = acceptor.join();
        }
        self.reset_all();
    }
}

fn end_all(links: &Links, shared: &Shared) {
    let mut links = links.lock().unwrap_or_else(PoisonError::into_inner);
    let ending: Vec<Link> = links.drain(..).collect();
    drop(links);
    ending.iter().for_each(|l| l.cut(shared));
    ending.into_iter().for_each(Link::join);
}

/// Gets the acceptor out of its wait. It is not waiting when this fails.
fn wake(port: u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let _ = TcpStream::connect_timeout(&address, UPSTREAM);
}

struct Acceptor {
    port: u16,
    upstream: Arc<AtomicU16>,
    shared: Arc<Shared>,
    links: Links,
}

impl Acceptor {
    fn run(&self, listener: TcpListener) {
        let mut listening = Some(listener);
        while let Some(listener) = listening.take() {
            self.shared.set_listens(true);
            self.accept(&listener);
            drop(listener);
            self.shared.set_listens(false);
            if self.shared.wait_uncut() {
                listening = self.again();
            }
        }
    }

    /// Takes connections until it is cut or at its end.
    fn accept(&self, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.shared.is_cut() {
                return;
            }
            // What cannot be linked is closed, as by a server that is not there.
            if let Ok((client, _)) = accepted {
                let _ = self.link(client);
            }
        }
    }

    fn link(&self, client: TcpStream) -> io::Result<()> {
        link::reset_on_close(&client);
        let port = self.upstream.load(Ordering::SeqCst);
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = TcpStream::connect_timeout(&upstream, UPSTREAM)?;
        let link = Link::start(client, server, &self.shared)?;
        self.shared.rules().accepted += 1;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|l| !l.ended());
        links.push(link);
        Ok(())
    }

    /// Takes the port again.
    fn again(&self) -> Option<TcpListener> {
        let mut listener = None;
        let taken = try_until(HANG, "the port of the proxy", || {
            listener = Some(TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?);
            Ok(true)
        });
        taken.ok().and(listener)
    }
}
