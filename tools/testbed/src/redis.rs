//! One server: its process, and what a test does to it.

use crate::HANG;
use crate::port;
use crate::process::{Process, is_7};
use crate::scratch::Scratch;
use crate::settings::{self, Builder, PASSWORD, Part, Ports, USER};
use crate::wait::try_until;
use crate::wire::{Reply, Wire};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

const LOG_LINES: usize = 30;
/// A server that a look at many servers does not wait for any longer.
const GLANCE: Duration = Duration::from_secs(10);

/// A running server. Dropped: killed, its directory removed.
pub struct Redis {
    settings: Builder,
    ports: Ports,
    // before the directory: the process ends first
    process: Mutex<Option<Process>>,
    /// It was told to stop, and not yet to go on.
    stopped: AtomicBool,
    own: Scratch,
}

impl Redis {
    /// A server without password and AOF.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start() -> Redis {
        Redis::builder().start()
    }

    /// Settings for a server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn launch(settings: Builder) -> io::Result<Redis> {
        const TRIES: usize = 5;
        let mut last = io::Error::other("no server was tried");
        for _ in 0..TRIES {
            let redis = Redis::prepare(settings.clone())?;
            match redis.up() {
                Ok(()) => return Ok(redis),
                Err(e) => last = e,
            }
            let taken = redis.log_tail().contains("Address already in use");
            if !taken || settings.port.is_some() {
                break;
            }
        }
        Err(last)
    }

    fn prepare(settings: Builder) -> io::Result<Redis> {
        let free = port::free(3)?;
        let plain = settings.port.unwrap_or(free[0]);
        let ports = Ports {
            plain,
            tls: if settings.tls.is_some() { free[1] } else { 0 },
            // before 7.0 it cannot be chosen
            bus: match is_7() {
                true => free[2],
                false => plain + 10_000,
            },
        };
        let own = Scratch::new()?;
        fs::write(
            own.path().join("redis.conf"),
            settings.text(ports, own.path()),
        )?;
        Ok(Redis {
            settings,
            ports,
            process: Mutex::new(None),
            stopped: AtomicBool::new(false),
            own,
        })
    }

    /// Starts the process and waits until it, and not another at its port, answers.
    fn up(&self) -> io::Result<()> {
        let conf = self.own.path().join("redis.conf").display().to_string();
        let mut arguments = vec![conf.as_str()];
        if let Part::Sentinel(_) = self.settings.part {
            arguments.push("--sentinel");
        }
        let process = Process::spawn(&arguments, self.own.path())?;
        let id = process.id().to_string();
        *self.process() = Some(process);
        let synchronised = !self.settings.is_replica();
        let mut ended = false;
        let waited = try_until(HANG, "the server", || {
            ended = !self.process().as_mut().is_some_and(Process::runs);
            if ended {
                return Ok(true);
            }
            let info = self.try_info("")?;
            let is = |name: &str, value: &str| info.get(name).is_some_and(|v| v == value);
            let linked = synchronised || is("master_link_status", "up");
            Ok(is("process_id", &id) && !is("loading", "1") && linked)
        });
        let waited = match waited {
            Ok(()) if ended => Err(io::Error::other("the server ended at once")),
            other => other,
        };
        waited.map_err(|e| {
            *self.process() = None;
            self.with_log(&e)
        })
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_log(&self, error: &io::Error) -> io::Error {
        let text = format!(
            "port {}: {error}; its log:\n{}",
            self.port(),
            self.log_tail()
        );
        io::Error::new(error.kind(), text)
    }

    /// `redis://…` or `rediss://…`, with the password of the default user if there is one.
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        format!(
            "{scheme}://{}127.0.0.1:{}",
            self.login(),
            self.public_port()
        )
    }

    /// `:password@`, or nothing.
    pub(crate) fn login(&self) -> String {
        let password = self.settings.password.as_deref();
        password.map(|p| format!(":{p}@")).unwrap_or_default()
    }

    /// The port of the URL: the one that speaks TLS, if there is one.
    pub(crate) fn public_port(&self) -> u16 {
        match self.settings.tls {
            Some(_) => self.ports.tls,
            None => self.ports.plain,
        }
    }

    /// The port without TLS, which is always there.
    pub fn port(&self) -> u16 {
        self.ports.plain
    }

    /// The port with TLS; 0 without.
    pub fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    pub(crate) fn bus_port(&self) -> u16 {
        self.ports.bus
    }

    /// `127.0.0.1:port`, without TLS.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The path of its socket, when it was started with one.
    pub fn socket(&self) -> PathBuf {
        settings::socket_path(self.own.path())
    }

    /// The id of its process; none after [`kill`](Redis::kill), and when it ended by itself.
    pub fn pid(&self) -> Option<u32> {
        let mut process = self.process();
        let process = process.as_mut()?;
        process.runs().then(|| process.id())
    }

    /// A connection as the user of the harness, who may do everything.
    pub fn try_wire(&self) -> io::Result<Wire> {
        control(Wire::connect(&self.addr())?)
    }

    /// The same.
    ///
    /// # Panics
    /// When it cannot be had.
    #[track_caller]
    pub fn wire(&self) -> Wire {
        self.try_wire().expect("the server takes connections")
    }

    /// Sends one command on a connection of its own.
    pub fn try_cmd(&self, arguments: &[&str]) -> io::Result<Reply> {
        let mut words = arguments.to_vec();
        if let Some(first) = words.first_mut() {
            *first = self.settings.name_of(first);
        }
        self.try_wire()?.text(&words)
    }

    /// The same. A refusal of the server is an answer.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn cmd(&self, arguments: &[&str]) -> Reply {
        self.must(self.try_cmd(arguments))
    }

    /// The same for a server that may be stopped, which is not asked. A refusal is an error.
    pub(crate) fn glance(&self, arguments: &[&str]) -> io::Result<Reply> {
        if self.pid().is_none() || self.stopped.load(Ordering::SeqCst) {
            return Err(io::Error::other("the server does not run"));
        }
        let wire = Wire::connect_within(&self.addr(), GLANCE, GLANCE)?;
        control(wire)?.text(arguments)?.ok()
    }

    #[track_caller]
    pub(crate) fn must<T>(&self, result: io::Result<T>) -> T {
        match result {
            Ok(value) => value,
            Err(e) => panic!("{}", self.with_log(&e)),
        }
    }

    /// SIGKILL, and waits for the end. Its directory stays for [`restart`](Redis::restart).
    pub fn kill(&self) {
        *self.process() = None;
        self.stopped.store(false, Ordering::SeqCst);
    }

    /// Kills it if it runs, starts it again with the same port and directory, and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn restart(&self) {
        self.must(self.try_restart());
    }

    /// The same. A port that is taken meanwhile is waited for.
    pub fn try_restart(&self) -> io::Result<()> {
        self.kill();
        try_until(HANG, "its port", || {
            Ok(std::net::TcpListener::bind(("127.0.0.1", self.port())).is_ok())
        })?;
        self.up()
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.must(self.signal("STOP"));
    }

    /// SIGCONT: goes on after [`stop`](Redis::stop).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn cont(&self) {
        self.must(self.signal("CONT"));
        self.stopped.store(false, Ordering::SeqCst);
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        match self.process().as_mut() {
            Some(process) => process.signal(name),
            None => Err(io::Error::other("the server was killed")),
        }
    }

    /// Clients wait for so many milliseconds; with `write_only` only those that write.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn client_pause(&self, milliseconds: u64, write_only: bool) {
        let mode = if write_only { "WRITE" } else { "ALL" };
        self.do_cmd(&["CLIENT", "PAUSE", &milliseconds.to_string(), mode]);
    }

    /// Changes a setting of the running server.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn config_set(&self, name: &str, value: &str) {
        self.do_cmd(&["CONFIG", "SET", name, value]);
    }

    /// A command that must not be refused.
    #[track_caller]
    pub(crate) fn do_cmd(&self, arguments: &[&str]) -> Reply {
        self.must(self.try_cmd(arguments).and_then(Reply::ok))
    }

    /// A section of INFO by name; an empty name gives the usual sections.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn info(&self, section: &str) -> BTreeMap<String, String> {
        self.must(self.try_info(section))
    }

    /// The same.
    pub fn try_info(&self, section: &str) -> io::Result<BTreeMap<String, String>> {
        let arguments: &[&str] = match section {
            "" => &["INFO"],
            _ => &["INFO", section],
        };
        let text = self.try_cmd(arguments)?.ok()?.text();
        let pairs = text.lines().filter_map(|l| l.split_once(':'));
        Ok(pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(settings::log_path(self.own.path())).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// Logs in as the user of the harness.
fn control(mut wire: Wire) -> io::Result<Wire> {
    wire.text(&["AUTH", USER, PASSWORD])?.ok()?;
    Ok(wire)
}
