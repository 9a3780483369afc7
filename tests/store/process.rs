//! Owners in two processes: the lock keeps the second out, and ends with the first one's process.
//!
//! The child is this binary again, told by a variable which folder to claim.

use crate::contract::{chunk, commit, owner, revision, takeover};
use crate::folder::Folder;
use eventflux::store::{FileStore, PersistenceStore, StoreError};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

const CHILD: &str = "EVENTFLUX_TEST_STORE_CHILD";

/// What the child does; nothing where the test is run as one.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let store = FileStore::open(dir).expect("the parent made it");
    let claim = store.acquire("app", &owner("the child"));
    let generation = claim.expect("no one else owns").generation;
    store
        .put_chunk("app", chunk(generation, 1, 0), b"committed")
        .expect("there is room");
    let head = commit(revision(generation, 1), None, b"m");
    store.commit("app", &head).expect("it is the first");
    store
        .put_chunk("app", chunk(generation, 2, 0), b"never committed")
        .expect("there is room");
    let mut out = std::io::stdout();
    writeln!(out, "\nclaimed").expect("the parent reads");
    // until the parent ends it
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
}

fn start(folder: &Folder) -> Child {
    let program = std::env::current_exe().expect("this binary has a path");
    let mut child = Command::new(program)
        .args(["--exact", "process::child", "--nocapture"])
        .env(CHILD, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary can be started");
    let out = child.stdout.as_mut().expect("it is piped");
    let claimed = BufReader::new(out).lines().any(|l| l.unwrap() == "claimed");
    assert!(claimed, "the child ended early");
    child
}

#[test]
fn a_process_that_is_killed_gives_its_claim_up() {
    let folder = Folder::new("process");
    let store = FileStore::open(folder.path()).unwrap();
    let mut child = start(&folder);

    let Err(locked) = store.acquire("app", &owner("the parent")) else {
        panic!("the child owns it");
    };
    assert!(
        locked.to_string().contains("in use by the child"),
        "{locked}"
    );
    let taken = store.acquire("app", &takeover("the parent"));
    let text = taken.expect_err("the child lives").to_string();
    assert!(text.contains("the child (a live process"), "{text}");
    let pin = store.pin("app", "kept", Some(revision(1, 1)));
    assert!(matches!(pin, Err(StoreError::Locked { .. })), "{pin:?}");
    // reading works beside it
    assert_eq!(store.last_revision("app"), Ok(Some(revision(1, 1))));
    let chunks = [chunk(1, 1, 0), chunk(1, 2, 0)];
    assert_eq!(store.chunks("app").unwrap(), chunks);

    // SIGKILL on Unix: nothing of the child runs any more
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    let claim = store.acquire("app", &owner("the parent"));
    let claim = claim.expect("the system unlocked it");
    assert_eq!((claim.generation, claim.last_epoch), (2, 2));
    assert_eq!(
        store.get_chunk("app", chunks[0]),
        Ok(Some(b"committed".to_vec()))
    );
    assert_eq!(store.chunks("app").unwrap(), chunks);
    assert_eq!(store.retire("app", &[], &chunks[1..]), Ok(()));
    assert_eq!(store.chunks("app").unwrap(), chunks[..1]);
}
