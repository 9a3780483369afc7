//! Reads URLs of Redis, and shows them without what is secret.

use super::secret::Secret;
use crate::store::StoreError;
use percent_encoding::percent_decode_str;
use std::fmt;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A server by name and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
}

/// What stands at the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    /// One server.
    Single(Server),
    /// One server, by the path of its socket.
    Unix(String),
    /// Sentinels that know the primary by this name.
    Sentinel {
        sentinels: Vec<Server>,
        primary: String,
    },
    /// Some nodes of a cluster.
    Cluster(Vec<Server>),
}

/// A URL that was read. `Display` shows it without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) topology: Topology,
    pub(super) tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: u32,
}

/// The kinds of URLs, for messages.
pub(super) const KINDS: &str = "redis://HOST[:PORT][/DB], rediss://… (TLS), unix:///PATH, \
    redis+sentinel://HOST[:PORT],…/PRIMARY[/DB], redis+cluster://HOST[:PORT],…";

/// A URL as it may be shown: without user and password, and nothing of a text that is no URL.
pub(crate) fn shown_url(url: &str) -> String {
    Address::parse(url).map_or_else(|_| "(not a Redis URL)".to_string(), |a| a.to_string())
}

fn refused(reason: impl Into<String>) -> StoreError {
    // The URL is not shown: what could not be read may hold a password anywhere.
    StoreError::Refused {
        what: "the Redis URL".to_string(),
        reason: format!("{}; there are: {KINDS}", reason.into()),
    }
}

fn decoded(text: &str, what: &str) -> Result<String, StoreError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| refused(format!("its {what} is no UTF-8")))?;
    Ok(decoded.into_owned())
}

impl Address {
    /// Reads a URL.
    ///
    /// Errors: [`StoreError::Refused`], without any part of the URL that may be secret.
    pub(super) fn parse(url: &str) -> Result<Address, StoreError> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| refused("it has no scheme"))?;
        let (kind, tls) = match scheme {
            "redis" | "valkey" => ("single", false),
            "rediss" | "valkeys" => ("single", true),
            "unix" | "redis+unix" => ("unix", false),
            "redis+sentinel" => ("sentinel", false),
            "rediss+sentinel" => ("sentinel", true),
            "redis+cluster" => ("cluster", false),
            "rediss+cluster" => ("cluster", true),
            _ => return Err(refused("it has an unknown scheme")),
        };
        if kind == "unix" {
            return unix(rest);
        }
        if rest.contains(['?', '#']) {
            return Err(refused("it takes no '?' or '#': use RedisOptions"));
        }
        // A password may hold a slash that nobody encoded; an '@' after it shows where hosts begin.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (username, password) = login.map_or(Ok((None, None)), read_login)?;
        let mut path = rest.split('/');
        let hosts = path.next().unwrap_or_default();
        let path: Vec<&str> = path.filter(|part| !part.is_empty()).collect();
        let port = if kind == "sentinel" {
            SENTINEL_PORT
        } else {
            PORT
        };
        let mut servers = hosts
            .split(',')
            .map(|host| Server::parse(host, port))
            .collect::<Result<Vec<_>, _>>()?;
        let (topology, database) = match (kind, path.as_slice()) {
            ("single", [] | [_]) if servers.len() == 1 => {
                let database = path.first().map_or(Ok(0), |db| read_database(db))?;
                (Topology::Single(servers.remove(0)), database)
            }
            ("single", _) => {
                let several = "it names several hosts or more than a database: for several hosts use redis+cluster";
                return Err(refused(several));
            }
            ("sentinel", [primary, database @ ..]) if database.len() <= 1 => {
                let primary = decoded(primary, "primary")?;
                let database = database.first().map_or(Ok(0), |db| read_database(db))?;
                let sentinels = servers;
                (Topology::Sentinel { sentinels, primary }, database)
            }
            ("sentinel", _) => return Err(refused("it lacks the name of the primary")),
            (_, []) => (Topology::Cluster(servers), 0),
            _ => return Err(refused("a cluster has no databases")),
        };
        Ok(Address {
            topology,
            tls,
            username,
            password,
            database,
        })
    }

    /// The address of a cluster by single-server URLs, which all have the same login and kind.
    pub(super) fn cluster(endpoints: &[String]) -> Result<Address, StoreError> {
        let mut all = endpoints.iter().map(|url| Address::parse(url));
        let mut first = all.next().ok_or_else(|| refused("there is none"))??;
        let mut servers = Vec::new();
        let mut add = |topology: &Topology| match topology {
            Topology::Single(server) => {
                servers.push(server.clone());
                Ok(())
            }
            _ => Err(refused(
                "several endpoints are nodes of a cluster, each redis:// or rediss://",
            )),
        };
        add(&first.topology)?;
        for other in all {
            let other = other?;
            let same = (other.tls, &other.username, &other.password)
                == (first.tls, &first.username, &first.password);
            if !same {
                return Err(refused(
                    "nodes of a cluster have one login, and TLS all or none",
                ));
            }
            add(&other.topology)?;
        }
        if first.database != 0 {
            return Err(refused("a cluster has no databases"));
        }
        first.topology = Topology::Cluster(servers);
        Ok(first)
    }

    /// The URL, password and all: for the configuration that carries it, never for a message.
    pub(super) fn to_secret_url(&self) -> String {
        let shown = self.to_string();
        let Some(password) = &self.password else {
            return shown;
        };
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let user = self.username.as_deref().map(encode).unwrap_or_default();
        let login = format!("{user}:{}@", encode(password.reveal()));
        let at = shown.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = shown.split_at(at);
        format!("{scheme}{login}{rest}")
    }
}

fn read_login(login: &str) -> Result<(Option<String>, Option<Secret>), StoreError> {
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(Secret::new(decoded(password, "password")?))),
        None => (login, None),
    };
    if password.is_none() {
        return Err(refused(
            "it has a user without a password: write user:password@ or :password@",
        ));
    }
    let user = decoded(user, "user")?;
    Ok((Some(user).filter(|user| !user.is_empty()), password))
}

fn read_database(text: &str) -> Result<u32, StoreError> {
    let number = text
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse());
    number
        .and_then(Result::ok)
        .ok_or_else(|| refused("its database is no number"))
}

/// `/path/to/socket?db=2&user=u&pass=p`
fn unix(rest: &str) -> Result<Address, StoreError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') {
        return Err(refused("a socket needs an absolute path: unix:///path"));
    }
    let mut address = Address {
        topology: Topology::Unix(decoded(path, "path")?),
        tls: false,
        username: None,
        password: None,
        database: 0,
    };
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("db", db)) => address.database = read_database(db)?,
            Some(("user", user)) => address.username = Some(decoded(user, "user")?),
            Some(("pass", pass)) => {
                address.password = Some(Secret::new(decoded(pass, "password")?))
            }
            _ => return Err(refused("a socket takes db, user and pass behind '?'")),
        }
    }
    Ok(address)
}

impl Server {
    fn parse(text: &str, port: u16) -> Result<Server, StoreError> {
        let bad = || refused("it has a host or port that cannot be read");
        let (host, port_text) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            (host, rest.strip_prefix(':'))
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port_text {
            Some(text) => text.parse().map_err(|_| bad())?,
            None => port,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(bad());
        }
        let host = host.to_string();
        Ok(Server { host, port })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn joined(servers: &[Server]) -> String {
    let texts: Vec<String> = servers.iter().map(Server::to_string).collect();
    texts.join(",")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        match &self.topology {
            Topology::Single(server) => write!(f, "redis{s}://{server}")?,
            Topology::Unix(path) => {
                write!(f, "unix://{path}")?;
                return match self.database {
                    0 => Ok(()),
                    db => write!(f, "?db={db}"),
                };
            }
            Topology::Sentinel { sentinels, primary } => {
                write!(f, "redis{s}+sentinel://{}/{primary}", joined(sentinels))?;
            }
            Topology::Cluster(servers) => write!(f, "redis{s}+cluster://{}", joined(servers))?,
        }
        match self.database {
            0 => Ok(()),
            db => write!(f, "/{db}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_their_login() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://u:p%40ss@h:1/3", "redis://h:1/3"),
            ("redis://:p/a:s@h", "redis://h:6379"),
            ("rediss://[::1]:7/0", "rediss://[::1]:7"),
            ("unix:///run/r.sock?db=2&pass=x", "unix:///run/r.sock?db=2"),
            ("redis+unix:///r.sock", "unix:///r.sock"),
            (
                "redis+sentinel://:p@a,b:1/main/4",
                "redis+sentinel://a:26379,b:1/main/4",
            ),
            ("rediss+cluster://a:1,b", "rediss+cluster://a:1,b:6379"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.to_string(), shown);
            let again = Address::parse(&address.to_secret_url());
            if !url.starts_with("unix") {
                assert_eq!(again, Ok(address));
            }
        }
        let address = Address::parse("redis://u:p%40ss@h:1/3").expect("a URL");
        assert_eq!(address.username.as_deref(), Some("u"));
        assert_eq!(address.password.expect("one").reveal(), "p@ss");
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        for url in [
            "",
            "hunter2",
            "redis:hunter2@h",
            "http://u:hunter2@h",
            "redis://u:hunter2@",
            "redis://hunter2@h",
            "redis://u:hunter2@h:99999",
            "redis://u:hunter2@h/x",
            "redis://u:hunter2@a,b",
            "redis://u:hunter2@h?x=1",
            "redis://u:hunter2@*",
            "redis+sentinel://u:hunter2@h",
            "redis+cluster://u:hunter2@h/1",
            "unix://hunter2",
            "unix:///x?key=hunter2",
            "redis://u:hunter2%ff@h",
        ] {
            let error = Address::parse(url).expect_err(url).to_string();
            assert!(
                !error.contains("hunter2") && error.contains("redis+cluster"),
                "{error}"
            );
            assert_eq!(shown_url(url), "(not a Redis URL)");
        }
    }

    #[test]
    fn several_endpoints_are_a_cluster() {
        let urls = |all: &[&str]| all.iter().map(|u| u.to_string()).collect::<Vec<_>>();
        let cluster = Address::cluster(&urls(&["redis://:p@a:1", "redis://:p@b:2"]));
        assert_eq!(cluster.expect("one").to_string(), "redis+cluster://a:1,b:2");
        for bad in [
            &[][..],
            &["redis://a", "rediss://b"],
            &["redis://:x@a", "redis://b"],
            &["redis://a/1", "redis://b"],
            &["unix:///a", "redis://b"],
        ] {
            assert!(Address::cluster(&urls(bad)).is_err(), "{bad:?}");
        }
    }
}
