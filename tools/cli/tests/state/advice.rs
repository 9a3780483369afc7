//! What messages about damage advise is done here, and works.

use crate::build::{Folder, Ran, eventflux, has};
use std::fs;
use std::path::{Path, PathBuf};

const APP: &str = "sums";
const TEXT: &str = "@app:name('sums') @app:playback CREATE STREAM Trades (sym STRING, price LONG);
    @info(name='total') INSERT INTO Out SELECT sym, sum(price) AS s, count() AS n FROM Trades GROUP BY sym;";
const COPIES: [&str; 2] = ["catalogue", "catalogue.copy"];

/// An app over a store whose runs go on where the last one stopped, each with ten more events.
struct Lives {
    folder: Folder,
    url: String,
    rows: u64,
}

impl Lives {
    /// Three lives, hence three revisions: 1-1, 2-2 and 3-3.
    fn three(name: &str) -> Lives {
        let folder = Folder::new(name);
        let url = folder.url("s");
        fs::write(folder.path("app.sql"), TEXT).expect("written");
        let mut lives = Lives {
            folder,
            url,
            rows: 0,
        };
        for _ in 0..3 {
            lives.grow();
            lives.run(0, &[]);
        }
        lives
    }

    fn grow(&mut self) {
        self.rows += 10;
        let event = |n: u64| {
            format!(
                "{{\"stream\":\"Trades\",\"at\":{n},\"row\":[\"S{}\",{n}]}}\n",
                n % 3
            )
        };
        let events: String = (1..=self.rows).map(event).collect();
        fs::write(self.folder.path("events"), events).expect("written");
    }

    fn at(&self, name: &str) -> String {
        self.folder.path(name).display().to_string()
    }

    fn dir(&self) -> PathBuf {
        self.folder.path("s").join(APP)
    }

    #[track_caller]
    fn run(&self, status: i32, more: &[&str]) -> Ran {
        let (app, events, out) = (self.at("app.sql"), self.at("events"), self.at("out"));
        let mut args = vec!["run", &app, "--events", &events, "--out", &out];
        args.extend(["--store", &self.url]);
        args.extend(more);
        expect(status, &args)
    }

    #[track_caller]
    fn state(&self, status: i32, args: &[&str]) -> Ran {
        let mut all = vec!["state", args[0], self.url.as_str()];
        all.extend(&args[1..]);
        expect(status, &all)
    }

    /// The output is that of one run over all events.
    #[track_caller]
    fn is_exact(&self) {
        let (app, events, whole) = (self.at("app.sql"), self.at("events"), self.at("whole"));
        let again = ["run", &app, "--events", &events, "--out", &whole, "--force"];
        expect(0, &again);
        let read = |name| fs::read_to_string(self.folder.path(name)).expect("a file");
        assert_eq!(read("out"), read("whole"));
    }

    fn flip(&self, name: &str) {
        let path = self.dir().join(name);
        let mut bytes = fs::read(&path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(path, bytes).expect("written");
    }

    fn backup(&self) {
        copy(&self.dir(), &self.folder.path("backup"));
        copy_file(&self.folder.path("out"), &self.folder.path("out.backup"));
    }

    fn put_back(&self) {
        fs::remove_dir_all(self.dir()).expect("it is there");
        copy(&self.folder.path("backup"), &self.dir());
        copy_file(&self.folder.path("out.backup"), &self.folder.path("out"));
    }
}

#[track_caller]
fn expect(status: i32, args: &[&str]) -> Ran {
    let ran = eventflux(args);
    let (out, err) = (&ran.out, &ran.err);
    assert_eq!(ran.status, Some(status), "{args:?}\n{out}\n{err}");
    ran
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        copy_file(&entry.path(), &to.join(entry.file_name()));
    }
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}

#[test]
fn one_damaged_copy_is_told_by_all_and_written_anew_by_the_next_run() {
    let mut lives = Lives::three("advice-copy");
    let to = lives.at("export");
    for name in COPIES {
        lives.flip(name);
        let path = lives.dir().join(name).display().to_string();
        let told = [
            path.as_str(),
            "is not whole: its sum is another one",
            "the next run of the app writes this one anew",
        ];
        has(&lives.state(1, &["verify"]).out, &told);
        for look in [
            &["ls"][..],
            &["show", APP],
            &["export", APP, "--to", &to],
            &["diff", APP, "3-3", "3-3"],
            &["prune", APP, "--keep", "3", "--dry-run"],
        ] {
            has(&lives.state(0, look).err, &told);
        }
        lives.grow();
        let metrics = lives.at("metrics");
        let ran = lives.run(0, &["--metrics", &metrics]);
        let told = [
            path.as_str(),
            "was not whole",
            "this one written anew",
            "restored revision",
        ];
        has(&ran.err, &told);
        let metrics = fs::read_to_string(metrics).expect("metrics");
        has(
            &metrics,
            &["eventflux_checkpoint_store_repairs_total{app=\"sums\"} 1"],
        );
        has(&lives.state(0, &["verify"]).out, &["sound"]);
        lives.is_exact();
        // as does what writes without running
        lives.flip(name);
        has(
            &lives.state(0, &["pin", APP, "kept"]).err,
            &["this one written anew"],
        );
        lives.state(0, &["verify"]);
    }
}

#[test]
fn two_damaged_copies_are_told_by_all_and_a_backup_or_a_new_history_helps() {
    let mut lives = Lives::three("advice-copies");
    let to = lives.at("export");
    lives.state(0, &["export", APP, "--to", &to]);
    lives.backup();
    for name in COPIES {
        lives.flip(name);
    }
    let told = [
        "catalogue is damaged: its sum is another one; so is its copy, catalogue.copy: its sum is another one",
        "put a backup of the folder back",
        "start a new history, which sets these files aside (run --restore none",
    ];
    lives.grow();
    has(&lives.state(1, &["verify"]).out, &told);
    has(&lives.state(0, &["ls"]).out, &told);
    for refused in [
        &["show", APP][..],
        &["export", APP, "--to", &to],
        &["import", "--from", &to],
        &["prune", APP, "--keep", "1"],
        &["pin", APP, "kept"],
        &["diff", APP, "1-1", "2-2"],
    ] {
        has(&lives.state(1, refused).err, &told);
    }
    for restore in ["auto", "latest", "2-2"] {
        has(&lives.run(1, &["--restore", restore]).err, &told);
    }
    let damaged: Vec<Vec<u8>> = read_all(&lives.dir());

    // a new history: the old files are where the message says
    let ran = lives.run(0, &["--restore", "none"]);
    let aside = lives.dir().join("aside-1");
    has(
        &ran.err,
        &[&aside.display().to_string(), "a new history begins"],
    );
    assert_eq!(read_all(&aside), damaged);
    lives.is_exact();
    has(
        &lives.state(0, &["verify"]).out,
        &["1 revision of 1 app: sound"],
    );
    lives.grow();
    has(&lives.run(0, &[]).err, &["restored revision"]);
    lives.is_exact();
    // once more, beside the first
    for name in COPIES {
        fs::remove_file(lives.dir().join(name)).expect("a file");
    }
    has(
        &lives.run(1, &[]).err,
        &["it is missing, and so is its copy", "--restore none"],
    );
    has(&lives.run(0, &["--restore", "none"]).err, &["aside-2"]);
    assert_eq!(read_all(&aside), damaged);
    lives.is_exact();

    // a backup: as if nothing had been
    lives.put_back();
    lives.grow();
    has(&lives.run(0, &[]).err, &["restored revision 3-3"]);
    lives.is_exact();
}

/// The files of a folder but the lock, in the order of their names.
fn read_all(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir)
        .expect("a folder")
        .map(|e| e.expect("an entry"));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    let is_ours = |path: &&PathBuf| path.is_file() && !path.ends_with("lock");
    paths
        .iter()
        .filter(is_ours)
        .map(|path| fs::read(path).expect("a file"))
        .collect()
}

#[test]
fn damaged_revisions_are_told_with_one_that_is_sound() {
    let mut lives = Lives::three("advice-older");
    lives.backup();
    lives.flip("1.1.seg");
    let head = "sums: the last revision, 3-3, is sound: runs go on from it";
    has(&lives.state(1, &["verify"]).out, &[head]);
    lives.grow();
    has(&lives.run(0, &[]).err, &["restored revision 3-3"]);
    lives.is_exact();

    lives.put_back();
    lives.flip("3.3.seg");
    let told = lives.state(1, &["verify"]);
    has(
        &told.out,
        &[
            "sums 3-3: 1 fault",
            "sums: revision 2-2 is the newest sound one: run --restore 2-2",
        ],
    );
    has(&told.err, &["1 fault in 3 revisions of 1 app"]);
    let other = format!("eventflux state verify {} {APP}", lives.url);
    has(&lives.state(1, &["verify", APP, "3-3"]).out, &[&other]);
    let words: Vec<&str> = other.split(' ').skip(1).collect();
    expect(1, &words);
    lives.grow();
    has(&lives.run(1, &[]).err, &["revision 3-3 cannot be restored"]);
    has(
        &lives.run(0, &["--restore", "2-2"]).err,
        &["restored revision 2-2"],
    );
    lives.is_exact();
    lives.grow();
    has(&lives.run(0, &[]).err, &["restored revision"]);
    lives.is_exact();
}

#[test]
fn without_a_sound_revision_a_backup_an_export_or_an_empty_start_helps() {
    let mut lives = Lives::three("advice-none");
    let to = lives.at("export");
    lives.state(0, &["export", APP, "2-2", "--to", &to]);
    lives.backup();
    let damage = |lives: &mut Lives| {
        lives.put_back();
        for name in ["1.1.seg", "2.2.seg", "3.3.seg"] {
            lives.flip(name);
        }
        let told = "no revision is sound: put a backup back, add an export (state import), or start empty (run \
                    --restore none)";
        has(&lives.state(1, &["verify"]).out, &[told]);
        lives.grow();
        lives.run(1, &[]);
    };
    damage(&mut lives);
    has(&lives.run(0, &["--restore", "none"]).err, &[]);
    lives.is_exact();
    lives.grow();
    lives.run(0, &[]);
    lives.is_exact();

    damage(&mut lives);
    lives.state(0, &["import", "--from", &to]);
    has(&lives.run(0, &[]).err, &["restored revision"]);
    lives.is_exact();

    damage(&mut lives);
    lives.put_back();
    has(&lives.run(0, &[]).err, &["restored revision 3-3"]);
    lives.is_exact();
}
