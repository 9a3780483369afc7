//! The app that all steps run, and the command as a user types it.

use crate::child::{expect, run};
use crate::kills::{ROWS, events, killed, same};
use eventflux_testbed::{Redis, Scratch};
use std::process::{Command, Output};

/// The password of every user here, which is shown nowhere.
pub const PASSWORD: &str = "canary-8123";

const APP: &str = "@app:name('orders') @app:playback
    CREATE STREAM S (sym STRING, price DOUBLE, qty LONG);
    INSERT INTO Totals SELECT sym, sum(price) AS total, count() AS n FROM S GROUP BY sym;
    INSERT INTO Last SELECT sym, avg(price) AS mean, max(qty) AS top FROM S WINDOW('length', 20);
    INSERT INTO Panes SELECT sym, count() AS n FROM S WINDOW('tumbling', 20 MILLISECONDS) GROUP BY sym;";

/// The app, its events, and what a run without a store makes of them.
pub struct App {
    pub folder: Scratch,
    app: String,
    events: String,
    pub whole: String,
}

impl App {
    pub fn new() -> App {
        let folder = Scratch::new().expect("a folder");
        let app = App {
            app: folder.file("a.sql", APP),
            events: folder.file("e.jsonl", &events(ROWS)),
            whole: folder.at("whole.jsonl"),
            folder,
        };
        let whole = [
            "run",
            &app.app,
            "--events",
            &app.events,
            "--out",
            &app.whole,
        ];
        expect(&run(&whole), 0, &[]);
        app
    }

    /// A run whose output is the file of this name.
    pub fn args(&self, out: &str, url: &str, options: &[&str]) -> Vec<String> {
        let out = self.folder.at(out);
        let fixed = [
            "run",
            &self.app,
            "--events",
            &self.events,
            "--out",
            &out,
            "--store",
            url,
            "--checkpoint-interval",
            "20ms",
        ];
        fixed.iter().chain(options).map(|s| s.to_string()).collect()
    }

    /// Runs to the end, which must be a good one, with the whole output; answers what it said.
    #[track_caller]
    pub fn runs(&self, out: &str, url: &str, options: &[&str]) -> String {
        let (status, _, said) = eventflux(&strs(&self.args(out, url, options)));
        assert_eq!(status, Some(0), "{url}: {said}");
        same(&self.folder.at(out), &self.whole);
        said
    }

    /// Runs and is refused; answers why.
    #[track_caller]
    pub fn refused(&self, url: &str, options: &[&str]) -> String {
        let (status, _, said) = eventflux(&strs(&self.args("refused.jsonl", url, options)));
        assert_eq!(status, Some(1), "{url}: {said}");
        said
    }

    /// Kills runs at each of the lengths, and lets the last one end: with the bytes of one that nobody killed.
    #[track_caller]
    pub fn survives(&self, redis: &Redis, out: &str, url: &str, lengths: &[u64], database: &str) {
        let args = self.args(out, url, &[]);
        let epoch = || {
            let mut wire = redis.wire();
            wire.text(&["SELECT", database]).expect("it answers");
            let found = wire.text(&["HGET", "eventflux:{orders}:ctl", "epoch"]);
            found.expect("it answers").text().parse().unwrap_or(0)
        };
        let path = self.folder.at(out);
        let (kills, restores) = killed(&strs(&args), &path, &epoch, lengths);
        assert!(
            kills > 1 && restores > 0,
            "{kills} kills, {restores} restores"
        );
        same(&path, &self.whole);
    }
}

pub fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// The command with the password in its environment: status, standard output, standard error.
pub fn eventflux(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
    let command = command.args(args).env("EVENTFLUX_REDIS_PASSWORD", PASSWORD);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(stdout), text(stderr));
    for bad in ["panicked", "canary", "RedisOptions"] {
        assert!(
            !out.contains(bad) && !err.contains(bad),
            "{args:?}: {out}{err}"
        );
    }
    (status.code(), out, err)
}

/// The same with the status and parts of what it says.
#[track_caller]
pub fn says(status: i32, args: &[&str], parts: &[&str]) -> String {
    let (code, out, err) = eventflux(args);
    assert_eq!(code, Some(status), "{args:?}\n{out}\n{err}");
    for part in parts {
        assert!(
            out.contains(part) || err.contains(part),
            "no '{part}' in\n{out}\n{err}"
        );
    }
    out
}

/// A server with the password for its default user, which the command takes from its environment.
pub fn server() -> eventflux_testbed::Builder {
    Redis::builder().requirepass(PASSWORD)
}

/// The URL of a server without the password.
pub fn bare(redis: &Redis) -> String {
    format!("redis://127.0.0.1:{}", redis.port())
}
