//! A primary with replicas, watched by sentinels.

use crate::HANG;
use crate::redis::Redis;
use crate::settings::{Builder, PASSWORD, Part, USER};
use crate::wait::{late, try_until};
use crate::wire::Reply;
use std::collections::BTreeMap;
use std::io;

/// The name by which the sentinels know the primary.
const NAME: &str = "main";

/// Periods in milliseconds of what sentinels do by the clock: theirs, and those of [`Sentinel::hurry`].
const PERIODS: &[(&str, &str, &str)] = &[
    ("info-period", "10000", "100"),
    ("publish-period", "2000", "100"),
    ("ask-period", "1000", "100"),
];

/// Servers and the sentinels that watch them.
pub struct Sentinel {
    // the sentinels end first: nobody fails over what is being ended
    sentinels: Vec<Redis>,
    servers: Vec<Redis>,
    ping_period: String,
}

impl Sentinel {
    /// One primary with replicas, and sentinels that hold a server that is silent for `down_after_ms` to be down.
    ///
    /// # Panics
    /// When they do not come up or do not find each other.
    #[track_caller]
    pub fn start(replicas: usize, sentinels: usize, down_after_ms: u64) -> Sentinel {
        Sentinel::try_start(&Redis::builder(), replicas, sentinels, down_after_ms)
            .expect("sentinels come up")
    }

    /// The same; each server has the settings of `server`.
    pub fn try_start(
        server: &Builder,
        replicas: usize,
        sentinels: usize,
        down_after_ms: u64,
    ) -> io::Result<Sentinel> {
        let server = server.clone().without_tls()?;
        let primary = server.clone().try_start()?;
        let quorum = sentinels / 2 + 1;
        let mut watch = Redis::builder();
        watch.part = Part::Sentinel(format!(
            "sentinel monitor {NAME} 127.0.0.1 {} {quorum}\n\
             sentinel down-after-milliseconds {NAME} {down_after_ms}\n\
             sentinel failover-timeout {NAME} {}\n\
             sentinel auth-user {NAME} {USER}\nsentinel auth-pass {NAME} {PASSWORD}\n",
            primary.port(),
            (down_after_ms * 10).max(5_000),
        ));
        let replica = server.replica_of(&primary);
        let mut servers = vec![primary];
        servers.extend(start_all(vec![replica; replicas])?);
        let sentinels = start_all(vec![watch; sentinels])?;
        let sentinel = Sentinel {
            sentinels,
            servers,
            // It is also the pause before a lost link is tried again. Longer than the silence that is taken for down
            // (1 s by default), it makes a promoted server, which closes its links, look down: it is failed over again.
            ping_period: (down_after_ms / 3).clamp(10, 1_000).to_string(),
        };
        sentinel.hurry(true)?;
        sentinel.discover(replicas)?;
        sentinel.hurry(false)?;
        Ok(sentinel)
    }

    /// Whether the sentinels look, tell and ask ten times a second; without, the primary that a planned failover
    /// replaced stays writable for up to 10 s, as in operation.
    /// To be called again when a sentinel was restarted: it forgets all periods.
    pub fn hurry(&self, on: bool) -> io::Result<()> {
        for sentinel in &self.sentinels {
            for (name, usual, short) in PERIODS {
                let period = if on { short } else { usual };
                sentinel
                    .try_cmd(&["SENTINEL", "DEBUG", name, period])?
                    .ok()?;
            }
            let ping = ["SENTINEL", "DEBUG", "ping-period", &self.ping_period];
            sentinel.try_cmd(&ping)?.ok()?;
        }
        Ok(())
    }

    /// Waits until every sentinel knows the others and the replicas, and sees them linked.
    fn discover(&self, replicas: usize) -> io::Result<()> {
        let others = (self.sentinels.len() - 1).to_string();
        let replicas = replicas.to_string();
        for sentinel in &self.sentinels {
            try_until(HANG, "the sentinels to find each other", || {
                let answer = sentinel.try_cmd(&["SENTINEL", "MASTER", NAME])?;
                let primary = fields(&answer.ok()?);
                let is = |name: &str, value: &str| primary.get(name).is_some_and(|v| v == value);
                let found = is("num-other-sentinels", &others) && is("num-slaves", &replicas);
                let answer = sentinel.try_cmd(&["SENTINEL", "REPLICAS", NAME])?.ok()?;
                let linked = answer.items().iter().all(|replica| {
                    let replica = fields(replica);
                    replica.get("master-link-status").is_some_and(|v| v == "ok")
                });
                Ok(found && is("flags", "master") && linked)
            })?;
        }
        Ok(())
    }

    /// `redis+sentinel://host:port,…/main`, with the password of the servers' default user if there is one.
    pub fn url(&self) -> String {
        let sentinels: Vec<String> = self.sentinels.iter().map(Redis::addr).collect();
        let login = self.servers[0].login();
        format!("redis+sentinel://{login}{}/{NAME}", sentinels.join(","))
    }

    /// The server that most of the answering sentinels name.
    ///
    /// # Panics
    /// When none answers.
    #[track_caller]
    pub fn primary(&self) -> &Redis {
        self.try_primary().expect("sentinels name a primary")
    }

    /// The same.
    pub fn try_primary(&self) -> io::Result<&Redis> {
        let mut named = BTreeMap::new();
        for sentinel in &self.sentinels {
            let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            if let Ok(answer) = sentinel.glance(&ask) {
                let port = answer.items().get(1).map(Reply::text);
                *named.entry(port.unwrap_or_default()).or_insert(0) += 1;
            }
        }
        let most = named.iter().max_by_key(|(_, count)| **count);
        let port = most.map(|(port, _)| port.as_str()).unwrap_or_default();
        let server = |r: &&Redis| r.port().to_string() == port;
        let server = self.servers.iter().find(server);
        server.ok_or_else(|| io::Error::other(format!("no sentinel names a primary: {named:?}")))
    }

    /// The first server that is not the primary.
    ///
    /// # Panics
    /// When no sentinel answers.
    #[track_caller]
    pub fn replica(&self) -> &Redis {
        let port = self.primary().port();
        let other = self.servers.iter().find(|r| r.port() != port);
        other.expect("there is a replica")
    }

    /// All servers; the one that was the primary at the start is the first.
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The sentinels.
    pub fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    /// Asks for a planned failover, and returns when a sentinel has begun it.
    ///
    /// # Panics
    /// When none wants to.
    #[track_caller]
    pub fn failover(&self) {
        try_until(HANG, "a sentinel to begin the failover", || {
            let mut last = Err(late("a sentinel"));
            for sentinel in &self.sentinels {
                last = sentinel
                    .glance(&["SENTINEL", "FAILOVER", NAME])
                    .map(|_| true);
                if last.is_ok() {
                    break;
                }
            }
            last
        })
        .expect("a failover begins");
    }

    /// Waits until most sentinels name another primary, and it says so itself.
    ///
    /// # Panics
    /// When that does not happen.
    #[track_caller]
    pub fn wait_for_other_primary(&self, than: &Redis) -> &Redis {
        let changed = try_until(HANG, "another primary", || {
            let now = self.try_primary()?;
            if now.port() == than.port() {
                return Ok(false);
            }
            let role = now.glance(&["ROLE"])?;
            Ok(role.items().first().is_some_and(|r| r.text() == "master"))
        });
        than.must(changed);
        self.primary()
    }
}

/// Starts several at once.
pub(crate) fn start_all(settings: Vec<Builder>) -> io::Result<Vec<Redis>> {
    std::thread::scope(|scope| {
        let starts = settings.into_iter().map(|s| scope.spawn(|| s.try_start()));
        let starts: Vec<_> = starts.collect();
        let ended = starts
            .into_iter()
            .map(|s| s.join().expect("a start does not panic"));
        ended.collect()
    })
}

/// Names and values that alternate.
fn fields(answer: &Reply) -> BTreeMap<String, String> {
    let pairs = answer.items().chunks_exact(2);
    pairs.map(|p| (p[0].text(), p[1].text())).collect()
}
