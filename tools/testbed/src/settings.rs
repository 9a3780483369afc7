//! What a server is started with, and its configuration file.

use crate::process::is_7;
use crate::redis::Redis;
use crate::tls::{Identity, Tls};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// The user by which the harness itself and the servers among themselves speak, whatever the others may.
pub(crate) const USER: &str = "testbed";
pub(crate) const PASSWORD: &str = "testbed-control";

/// What reaches the disk, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aof {
    /// Nothing: a restarted server is empty.
    Off,
    /// Every write before its answer.
    Always,
    /// Once a second.
    EverySecond,
    /// When the system wants to.
    Unsynced,
}

/// How a process takes part.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Server,
    /// A node with this timeout in milliseconds.
    Node(u64),
    /// A sentinel, with the lines of its configuration.
    Sentinel(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) ca: PathBuf,
    pub(crate) server: Identity,
    pub(crate) client_auth: bool,
}

/// Settings of a server; for clusters and sentinels the settings of each of their servers.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) aof: Aof,
    pub(crate) part: Part,
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<Transport>,
    pub(crate) port: Option<u16>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) socket: bool,
    lines: Vec<String>,
    /// Commands, and what they are called on this server.
    renamed: Vec<(String, String)>,
}

/// The ports of one server; 0 for one that it has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    pub(crate) bus: u16,
}

impl Builder {
    /// An empty server without password and AOF.
    pub(crate) fn new() -> Builder {
        Builder {
            aof: Aof::Off,
            part: Part::Server,
            password: None,
            tls: None,
            port: None,
            data: None,
            socket: false,
            lines: Vec::new(),
            renamed: Vec::new(),
        }
    }

    /// What reaches the disk; without: nothing.
    pub fn aof(mut self, aof: Aof) -> Builder {
        self.aof = aof;
        self
    }

    /// The memory for data, in bytes.
    pub fn maxmemory(self, bytes: u64) -> Builder {
        self.line(&format!("maxmemory {bytes}"))
    }

    /// What is evicted when that memory is full, such as `allkeys-lru`; without: `noeviction`.
    pub fn policy(self, name: &str) -> Builder {
        self.line(&format!("maxmemory-policy {name}"))
    }

    /// The password of the default user, which [`Redis::url`] then has.
    pub fn requirepass(mut self, password: &str) -> Builder {
        self.password = Some(password.to_string());
        self.line(&format!("requirepass {password}"))
    }

    /// A further user: its name and rules, such as `app on >secret ~eventflux:* +@all`.
    pub fn acl(self, user: &str) -> Builder {
        self.line(&format!("user {user}"))
    }

    /// A second port that speaks TLS with the server certificate of `tls`; [`Redis::url`] names it.
    pub fn tls(self, tls: &Tls) -> Builder {
        self.tls_as(tls, &tls.server)
    }

    /// The same with another certificate, such as one that has expired.
    pub fn tls_as(mut self, tls: &Tls, server: &Identity) -> Builder {
        self.tls = Some(Transport {
            ca: tls.ca.certificate.clone(),
            server: server.clone(),
            client_auth: false,
        });
        self
    }

    /// Clients must show a certificate. After [`tls`](Builder::tls).
    pub fn client_auth(mut self) -> Builder {
        if let Some(tls) = &mut self.tls {
            tls.client_auth = true;
        }
        self
    }

    /// Also listens at a socket in the file system, [`Redis::socket`].
    pub fn unix_socket(mut self) -> Builder {
        self.socket = true;
        self
    }

    /// A replica of `primary`, synchronised when the start returns.
    pub fn replica_of(self, primary: &Redis) -> Builder {
        self.replica_of_port(primary.port())
    }

    /// A replica of what listens at a port, such as a proxy before the primary.
    pub fn replica_of_port(self, port: u16) -> Builder {
        self.line(&format!("replicaof 127.0.0.1 {port}"))
    }

    /// Has this command by another name only, which [`Redis::cmd`] and the like know.
    pub fn rename(mut self, command: &str) -> Builder {
        let name = format!("testbed-{}", command.to_lowercase());
        self = self.line(&format!("rename-command {command} {name}"));
        self.renamed.push((command.to_string(), name));
        self
    }

    /// What a command is called.
    pub(crate) fn name_of<'a>(&'a self, command: &'a str) -> &'a str {
        let mut renamed = self.renamed.iter();
        let found = renamed.find(|(of, _)| of.eq_ignore_ascii_case(command));
        found.map_or(command, |(_, name)| name)
    }

    /// Any other line of the configuration.
    pub fn line(mut self, line: &str) -> Builder {
        self.lines.push(line.to_string());
        self
    }

    /// A port that is known beforehand.
    pub fn port(mut self, port: u16) -> Builder {
        self.port = Some(port);
        self
    }

    /// Where the data go, such as a [`Disk`](crate::Disk); log and configuration stay in a directory of their own.
    pub fn dir(mut self, path: &Path) -> Builder {
        self.data = Some(path.to_path_buf());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(self) -> Redis {
        self.try_start().expect("a server comes up")
    }

    /// Starts it, and waits until it answers.
    pub fn try_start(self) -> io::Result<Redis> {
        Redis::launch(self)
    }

    /// Refuses what clusters and sentinels have not here.
    pub(crate) fn without_tls(self) -> io::Result<Builder> {
        match self.tls {
            Some(_) => Err(io::Error::other("only single servers speak TLS here")),
            None => Ok(self),
        }
    }

    /// Whether it starts as a replica.
    pub(crate) fn is_replica(&self) -> bool {
        self.lines.iter().any(|l| l.starts_with("replicaof "))
    }

    /// The configuration file. `own` is the directory of log and socket.
    pub(crate) fn text(&self, ports: Ports, own: &Path) -> String {
        let data = self.data.as_deref().unwrap_or(own);
        let mut t = format!(
            "bind 127.0.0.1\nport {}\ndir \"{}\"\nlogfile \"{}\"\n\
             user {USER} on >{PASSWORD} ~* &* +@all\n",
            ports.plain,
            data.display(),
            log_path(own).display()
        );
        if let Part::Sentinel(lines) = &self.part {
            t.push_str(lines);
            return t;
        }
        let (on, sync) = match self.aof {
            Aof::Off => ("no", "no"),
            Aof::Always => ("yes", "always"),
            Aof::EverySecond => ("yes", "everysec"),
            Aof::Unsynced => ("yes", "no"),
        };
        t.push_str(&format!(
            "save \"\"\nappendonly {on}\nappendfsync {sync}\nrepl-diskless-sync-delay 0\n\
             masteruser {USER}\nmasterauth {PASSWORD}\n"
        ));
        // before 7.0 it is allowed anyway
        if is_7() {
            line(&mut t, "enable-debug-command yes");
        }
        if let Part::Node(timeout) = self.part {
            t.push_str(&format!(
                "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout {timeout}\n\
                 cluster-allow-replica-migration no\n"
            ));
            if is_7() {
                line(&mut t, &format!("cluster-port {}", ports.bus));
            }
        }
        if self.socket {
            line(
                &mut t,
                &format!("unixsocket \"{}\"", socket_path(own).display()),
            );
        }
        if let Some(tls) = &self.tls {
            tls.write(&mut t, ports.tls);
        }
        self.lines.iter().for_each(|l| line(&mut t, l));
        t
    }
}

impl Transport {
    fn write(&self, t: &mut String, port: u16) {
        line(t, &format!("tls-port {port}"));
        line(t, &format!("tls-ca-cert-file \"{}\"", self.ca.display()));
        line(
            t,
            &format!("tls-cert-file \"{}\"", self.server.certificate.display()),
        );
        line(
            t,
            &format!("tls-key-file \"{}\"", self.server.key.display()),
        );
        let auth = if self.client_auth { "yes" } else { "no" };
        line(t, &format!("tls-auth-clients {auth}"));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

pub(crate) fn log_path(own: &Path) -> PathBuf {
    own.join("redis.log")
}

pub(crate) fn socket_path(own: &Path) -> PathBuf {
    own.join("redis.sock")
}
