//! How each topology is connected to, with every timeout set.

use super::address::{Address, Server, Topology};
use super::fault::{Class, classify};
use super::link::Link;
use super::options::RedisOptions;
use super::secret::Secret;
use super::tls;
use crate::store::StoreError;
use parking_lot::Mutex;
use redis::cluster::ClusterClient;
use redis::{
    Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, ServerErrorKind,
};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Attempts of a cluster connection beyond the first: one, to follow a redirection. Each may take the whole read
/// timeout, and calls are tried again by the store anyway.
const CLUSTER_RETRIES: u32 = 1;

/// Its waits between them.
const CLUSTER_WAIT_MS: (u64, u64) = (20, 200);

/// A sentinel answers from memory; for one that is frozen others are asked soon.
const SENTINEL_PATIENCE: Duration = Duration::from_millis(500);

/// A new connection to a cluster leads to each of its nodes: one that is frozen is not waited for as long as a server
/// of which there is no other, and is connected to when it is needed.
const NODE_PATIENCE: Duration = Duration::from_millis(500);

/// Makes connections.
pub(super) struct Connector {
    address: Address,
    options: RedisOptions,
    timeout: Duration,
    login: Option<(Option<String>, Secret)>,
    /// The primary that the sentinels named last.
    primary: Mutex<Option<Server>>,
    /// How often they named another one, or a call had no answer: connections of before are not used any more.
    moves: Arc<AtomicU64>,
    /// The sentinel that answered last: one that is frozen is asked last.
    answering: AtomicUsize,
}

impl Connector {
    /// Checks what can be checked without a server.
    pub(super) fn new(
        address: Address,
        options: RedisOptions,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        check_tls(&address, &options)?;
        let username = options.username.clone().or(address.username.clone());
        let password = options.password.clone().or(address.password.clone());
        if username.is_some() && password.is_none() {
            return Err(StoreError::Refused {
                what: address.to_string(),
                reason: "there is a user without a password".to_string(),
            });
        }
        Ok(Connector {
            login: password.map(|password| (username, password)),
            primary: Mutex::default(),
            moves: Arc::default(),
            answering: AtomicUsize::new(0),
            address,
            options,
            timeout,
        })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// A new connection: to a primary, where there is one server at a time.
    pub(super) fn connect(&self) -> RedisResult<Link> {
        let seen = self.moves.load(Ordering::Relaxed);
        let link = match &self.address.topology {
            Topology::Single(server) => self.single(self.at(server)),
            Topology::Unix(path) => self.single(ConnectionAddr::Unix(path.into())),
            Topology::Sentinel { sentinels, primary } => self.sentinel(sentinels, primary),
            Topology::Cluster(servers) => self.cluster(servers),
        };
        Ok(link?.until_moved(seen, &self.moves))
    }

    /// A call had no answer: connections that were made before are not waited for, one timeout after the other.
    pub(super) fn distrust(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection to this server, whatever it is.
    pub(super) fn connect_to(&self, server: &Server) -> RedisResult<Link> {
        self.single(self.at(server))
    }

    /// A connection to this sentinel.
    pub(super) fn connect_to_sentinel(&self, sentinel: &Server) -> RedisResult<Link> {
        let login = self.options.sentinel_login.as_ref();
        let timeout = self.timeout.min(SENTINEL_PATIENCE);
        let connection = self.open_within(self.at(sentinel), login, 0, timeout)?;
        connection.set_read_timeout(Some(self.options.read_timeout.min(SENTINEL_PATIENCE)))?;
        Ok(Link::single(connection))
    }

    fn at(&self, server: &Server) -> ConnectionAddr {
        let (host, port) = (server.host.clone(), server.port);
        match self.address.tls {
            false => ConnectionAddr::Tcp(host, port),
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        }
    }

    fn single(&self, at: ConnectionAddr) -> RedisResult<Link> {
        Ok(Link::single(self.open(
            at,
            self.login.as_ref(),
            self.address.database,
        )?))
    }

    fn info(
        &self,
        at: ConnectionAddr,
        login: Option<&(Option<String>, Secret)>,
        database: u32,
    ) -> RedisResult<ConnectionInfo> {
        let mut settings = RedisConnectionInfo::default()
            .set_db(i64::from(database))
            .set_skip_set_lib_name();
        if let Some((username, password)) = login {
            settings = settings.set_password(password.reveal());
            if let Some(username) = username {
                settings = settings.set_username(username);
            }
        }
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let info = at.into_connection_info()?;
        Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
    }

    fn open(
        &self,
        at: ConnectionAddr,
        login: Option<&(Option<String>, Secret)>,
        database: u32,
    ) -> RedisResult<Connection> {
        self.open_within(at, login, database, self.timeout)
    }

    fn open_within(
        &self,
        at: ConnectionAddr,
        login: Option<&(Option<String>, Secret)>,
        database: u32,
        timeout: Duration,
    ) -> RedisResult<Connection> {
        let begun = Instant::now();
        // Without user and database: the client would wait for each reply as long as for the connection.
        let client = self.client(self.info(at, None, 0)?)?;
        let mut connection = client.get_connection_with_timeout(timeout)?;
        for command in greeting(login, database) {
            let left = timeout.checked_sub(begun.elapsed());
            let left = left.filter(|left| !left.is_zero()).ok_or_else(late)?;
            connection.set_read_timeout(Some(left))?;
            connection.set_write_timeout(Some(left))?;
            command.exec(&mut connection)?;
        }
        connection.set_read_timeout(Some(self.options.read_timeout))?;
        connection.set_write_timeout(Some(self.options.write_timeout))?;
        Ok(connection)
    }

    /// Asks one sentinel after the other where the primary is, and takes the first that is one.
    fn sentinel(&self, sentinels: &[Server], primary: &str) -> RedisResult<Link> {
        let tried = Cell::new(None);
        self.ask_sentinels(sentinels, |sentinel| {
            let named = self.named_by(sentinel, primary)?;
            // Several sentinels name the same server: one that does not answer is waited for once.
            if tried.take().is_some_and(|before: Server| before == named) {
                tried.set(Some(named));
                return Err(no_primary());
            }
            tried.set(Some(named.clone()));
            self.primary_at(named)
        })
    }

    /// The first good answer of a sentinel.
    fn ask_sentinels<T>(
        &self,
        sentinels: &[Server],
        ask: impl Fn(&Server) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "there is no sentinel"));
        let unknown = |error: &RedisError| error.kind() == ErrorKind::MasterNameNotFoundBySentinel;
        let first = self.answering.load(Ordering::Relaxed);
        let all = sentinels.iter().enumerate().cycle().skip(first);
        for (tried, (place, sentinel)) in all.take(sentinels.len()).enumerate() {
            match ask(sentinel) {
                Ok(answer) => {
                    self.answering.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                // That one does not know the name says nothing of those that could not be asked.
                Err(error) if unknown(&error) && tried > 0 => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn named_by(&self, sentinel: &Server, primary: &str) -> RedisResult<Server> {
        let mut connection = self.connect_to_sentinel(sentinel)?;
        let at: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(primary)
            .query(&mut connection)?;
        let unknown = "the sentinels know no primary of this name";
        let (host, port) =
            at.ok_or_else(|| RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, unknown)))?;
        Ok(Server { host, port })
    }

    /// Connections to the primary of before are not used any more once the sentinels name another one. A primary that
    /// was replaced as planned takes writes for some seconds more, and they are lost.
    pub(super) fn look_for_primary(&self) {
        if let Topology::Sentinel { sentinels, primary } = &self.address.topology
            && let Ok(named) = self.ask_sentinels(sentinels, |s| self.named_by(s, primary))
        {
            self.primary_is(named);
        }
    }

    fn primary_is(&self, named: Server) {
        let mut primary = self.primary.lock();
        if primary.as_ref().is_some_and(|before| *before != named) {
            self.moves.fetch_add(1, Ordering::Relaxed);
        }
        *primary = Some(named);
    }

    fn primary_at(&self, named: Server) -> RedisResult<Link> {
        let mut link = self.single(self.at(&named))?;
        match link.is_primary()? {
            true => {
                self.primary_is(named);
                Ok(link)
            }
            false => Err(no_primary()),
        }
    }

    fn cluster(&self, servers: &[Server]) -> RedisResult<Link> {
        // The client asks the first one that answers: after a call without an answer another one comes first, as the
        // one before may be frozen.
        let first = self.moves.load(Ordering::Relaxed) as usize % servers.len().max(1);
        let (before, from) = servers.split_at(first);
        let infos = from
            .iter()
            .chain(before)
            .map(|server| self.info(self.at(server), self.login.as_ref(), 0))
            .collect::<RedisResult<Vec<_>>>()?;
        let builder = ClusterClient::builder(infos)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(CLUSTER_WAIT_MS.0)
            .max_retry_wait(CLUSTER_WAIT_MS.1)
            .connection_timeout(self.timeout.min(NODE_PATIENCE))
            .response_timeout(self.options.read_timeout)
            .tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true));
        let client = self.secured(builder).build()?;
        let connected = client.get_connection();
        let connection = connected.map_err(|e| self.refusal_of_node().unwrap_or(e))?;
        // The builder has none: a node that stops reading would hold up whoever sends it a chunk.
        connection.set_write_timeout(Some(self.options.write_timeout))?;
        Ok(Link::cluster(connection))
    }

    /// Why a node of the URL will not do, for a reason that trying again does not change: the client only tells that it
    /// found no node.
    pub(super) fn refusal_of_node(&self) -> Option<RedisError> {
        let Topology::Cluster(servers) = &self.address.topology else {
            return None;
        };
        let patience = self.timeout.min(NODE_PATIENCE);
        let asked = |server: &Server| {
            let mut node = self.open_within(self.at(server), self.login.as_ref(), 0, patience)?;
            node.set_read_timeout(Some(patience))?;
            redis::cmd("CLUSTER").arg("SLOTS").exec(&mut node)
        };
        let lasting = |e: &RedisError| matches!(classify(e), Class::Refused | Class::Foreign);
        let mut answers = servers.iter().map(asked);
        let first = answers.find(|answer| answer.as_ref().err().is_none_or(lasting));
        first?.err()
    }
}

/// Refuses TLS that was not built in, certificates that are none, and certificates beside a URL without TLS: whoever
/// gives some believes that the connection is encrypted.
fn check_tls(address: &Address, options: &RedisOptions) -> Result<(), StoreError> {
    let refused = |what: String, reason: &str| {
        let reason = reason.to_string();
        Err(StoreError::Refused { what, reason })
    };
    if address.tls && cfg!(not(feature = "redis-tls")) {
        let reason = "TLS needs the feature redis-tls of eventflux";
        return refused(address.to_string(), reason);
    }
    if let Some(pem) = &options.tls_ca {
        tls::check_ca(pem)?;
    }
    let given = [
        (options.tls_ca.is_some(), "RedisOptions::tls_ca"),
        (options.tls_client.is_some(), "RedisOptions::tls_client"),
    ];
    match given.iter().find(|(given, _)| *given && !address.tls) {
        Some((_, option)) => refused(
            option.to_string(),
            "the URL asks for no TLS, so nothing would be encrypted: rediss:// does (rediss+sentinel://, \
             rediss+cluster://)",
        ),
        None => Ok(()),
    }
}

/// What a server is told first.
fn greeting(login: Option<&(Option<String>, Secret)>, database: u32) -> Vec<Cmd> {
    let mut commands = Vec::new();
    if let Some((username, password)) = login {
        let mut auth = redis::cmd("AUTH");
        auth.arg(username).arg(password.reveal());
        commands.push(auth);
    }
    if database > 0 {
        let mut select = redis::cmd("SELECT");
        select.arg(database);
        commands.push(select);
    }
    commands
}

/// A server has taken all its time to answer what it was told first.
fn late() -> RedisError {
    let kind = std::io::ErrorKind::TimedOut;
    std::io::Error::new(kind, "the server did not answer in time").into()
}

fn no_primary() -> RedisError {
    RedisError::from((
        ErrorKind::Server(ServerErrorKind::ReadOnly),
        "the server that the sentinels name is no primary",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread::{sleep, spawn};

    /// The words that a client sends, an array of texts a time.
    fn read(from: &mut impl BufRead) -> Option<Vec<String>> {
        let mut line = || {
            let mut line = String::new();
            from.read_line(&mut line).ok().filter(|read| *read > 0)?;
            Some(line.trim_end().to_string())
        };
        let count: usize = line()?.strip_prefix('*')?.parse().ok()?;
        (0..count).map(|_| line().and_then(|_| line())).collect()
    }

    /// A server that says OK to everything, each time after a pause; what it is told by its first client.
    fn slow(pause: Duration) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            let mut from = BufReader::new(client.try_clone().expect("a socket"));
            let mut told = Vec::new();
            while let Some(words) = read(&mut from) {
                told.push(words.join(" "));
                sleep(pause);
                if client.write_all(b"+OK\r\n").is_err() {
                    break;
                }
            }
            told
        });
        (port, server)
    }

    #[test]
    fn certificates_beside_a_url_without_tls_are_refused() {
        let key = || RedisOptions::default().tls_client("certificate", Secret::new("key"));
        for url in [
            "redis://localhost",
            "unix:///tmp/redis.sock",
            "redis+cluster://localhost:1",
            "redis+sentinel://localhost:1/main",
        ] {
            let address = || Address::parse(url).expect("an address");
            let timeout = Duration::from_secs(1);
            let refused = Connector::new(address(), key(), timeout).err();
            let refused = refused.map(|e| e.to_string()).unwrap_or_default();
            let parts = ["RedisOptions::tls_client", "asks for no TLS"];
            assert!(
                parts.iter().all(|p| refused.contains(p)),
                "{url}: {refused}"
            );
            assert!(Connector::new(address(), RedisOptions::default(), timeout).is_ok());
        }
    }

    #[test]
    fn a_server_has_one_timeout_for_all_that_it_is_told_first() {
        let timeout = Duration::from_millis(600);
        // Each answer alone is in time.
        for (pause, answers) in [(timeout * 7 / 10, false), (Duration::ZERO, true)] {
            let (port, server) = slow(pause);
            let address = format!("redis://me:secret@127.0.0.1:{port}/3");
            let address = Address::parse(&address).expect("an address");
            let options = RedisOptions::default();
            let connector = Connector::new(address, options, timeout).expect("right");
            let connected = connector.connect();
            assert_eq!(connected.is_ok(), answers);
            if let Err(error) = &connected {
                assert!(error.is_timeout(), "{error}");
            }
            drop(connected);
            let told = server.join().expect("no panic");
            assert_eq!(told, ["AUTH me secret", "SELECT 3"]);
        }
    }
}
