//! Commands that write: export and import, prune, pin.

use crate::build::{APP, Folder, app, built, by_hand, expect, has, persist};
use eventflux::store::{ChunkName, Owner, PersistenceStore, Revision};
use eventflux::{Batch, EventFluxAppRuntime, Timestamp, Value};
use std::fs;
use std::sync::{Arc, Mutex};

fn owner() -> Owner {
    Owner {
        name: "process 77 of a test".to_string(),
        takeover: false,
    }
}

#[test]
fn a_revision_goes_on_elsewhere() {
    let folder = Folder::new("carry");
    let (url, there) = (folder.url("s"), folder.url("there"));
    built(&folder, "s", 4);
    let file = folder.path("sums.efbl").display().to_string();
    has(
        &expect(0, &["export", &url, APP, "--to", &file]).out,
        &["revision 1-4 of app sums"],
    );
    let added = expect(0, &["import", &there, "--from", &file]);
    has(
        &added.out,
        &[
            "revision 1-4 of app sums is revision 1-",
            "of app sums in file:",
        ],
    );
    expect(0, &["verify", &there]);
    has(&expect(0, &["ls", &there]).out, &["feed 5", "head"]);
    let runtime = app(&folder, "there", APP);
    let report = runtime.restore_last_revision().expect("it fits");
    assert_eq!(report.inputs[0].next, 5);
    let more = persist_more(&runtime);
    runtime.shutdown().expect("it stops");
    expect(0, &["verify", &there]);
    // on top of what the store has, older state becomes the head
    let again = expect(0, &["import", &there, "--from", &file]);
    has(&again.out, &["is revision 3-"]);
    expect(0, &["verify", &there]);
    has(
        &expect(0, &["show", &there, APP]).out,
        &[&format!("parent      {more}")],
    );
    let runtime = app(&folder, "there", APP);
    let report = runtime.restore_last_revision().expect("it fits");
    assert_eq!(report.inputs[0].next, 5);
}

fn persist_more(runtime: &EventFluxAppRuntime) -> Revision {
    let sums = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sums);
    let take = move |batch: &Batch| seen.lock().expect("no panic").push(batch.value(0, 1));
    runtime.add_callback("Out", take).expect("a stream");
    let mut input = runtime.open_input("feed").expect("it is closed");
    let at = Timestamp(9_000_000);
    input.send_at("Trades", at, ("S3", 10.0)).expect("it runs");
    // 3 of the state that came with the file
    assert_eq!(*sums.lock().expect("no panic"), [Value::Double(13.0)]);
    runtime.persist().expect("it is stored")
}

#[test]
fn a_revision_is_imported_under_another_name() {
    let folder = Folder::new("rename");
    let url = folder.url("s");
    by_hand(&folder.store("s"), 5);
    let file = folder.path("desk.efbl").display().to_string();
    expect(0, &["export", &url, "desk", "1-1", "--to", &file]);
    let other = expect(0, &["import", &url, "--from", &file, "--app", "desk-2"]);
    has(
        &other.out,
        &["revision 1-1 of app desk is revision 1-1 of app desk-2"],
    );
    expect(0, &["verify", &url]);
    has(
        &expect(0, &["show", &url, "desk-2"]).out,
        &["app desk-2", "47 KiB", "trades"],
    );
    expect(1, &["import", &url, "--from", &file, "--app", "../desk"]);
}

#[test]
fn imports_of_damaged_files_and_into_busy_apps_are_refused() {
    let folder = Folder::new("refuse");
    let url = folder.url("s");
    by_hand(&folder.store("s"), 5);
    let file = folder.path("desk.efbl").display().to_string();
    expect(0, &["export", &url, "desk", "--to", &file]);
    let busy = folder.store("s");
    busy.acquire("desk", &owner()).expect("it is free");
    let commands: [&[&str]; 3] = [
        &["import", &url, "--from", &file],
        &["prune", &url, "desk", "--keep", "1"],
        &["pin", &url, "desk", "name"],
    ];
    for command in commands {
        has(
            &expect(1, command).err,
            &["in use by process 77 of a test", "stop it"],
        );
    }
    expect(0, &["prune", &url, "desk", "--keep", "1", "--dry-run"]);
    expect(0, &["verify", &url]);
    drop(busy);
    let mut bytes = fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).expect("it is written");
    has(
        &expect(1, &["import", &url, "--from", &file]).err,
        &["desk.efbl: ", "digest"],
    );
    for length in [0, 3, middle] {
        fs::write(&file, &bytes[..length]).expect("it is written");
        expect(1, &["import", &url, "--from", &file]);
    }
    fs::remove_file(&file).expect("a file");
    expect(2, &["import", &url, "--from", &file]);
    has(&expect(0, &["ls", &url]).out, &["app desk: 1 revision"]);
    expect(1, &["export", &url, "desk", "--to", "/dev/null/x"]);
}

#[test]
fn old_revisions_and_orphans_go_and_pinned_ones_stay() {
    let folder = Folder::new("prune");
    let url = folder.url("s");
    built(&folder, "s", 5);
    has(
        &expect(0, &["pin", &url, APP, "first", "1-1"]).out,
        &["revision 1-1 is kept"],
    );
    let store = folder.store("s");
    let claim = store.acquire(APP, &owner()).expect("it is free");
    let orphan = ChunkName {
        generation: claim.generation,
        epoch: claim.last_epoch + 1,
        number: 0,
    };
    store.put_chunk(APP, orphan, b"left over").expect("stored");
    drop(store);
    let told = expect(0, &["verify", &url]);
    has(
        &told.out,
        &[&format!(
            "1 chunk that no revision names ({orphan}): no fault"
        )],
    );
    let dry = expect(0, &["prune", &url, APP, "--keep", "2", "--dry-run"]);
    has(
        &dry.out,
        &[
            "revision 1-2 would go",
            "would delete 2 revisions",
            "(1 of them",
            "3 revisions would stay",
        ],
    );
    has(&expect(0, &["ls", &url]).out, &["app sums: 5 revisions"]);
    let gone = expect(0, &["prune", &url, APP, "--keep", "2"]);
    has(
        &gone.out,
        &[
            "revision 1-3 is gone",
            "deleted 2 revisions",
            "3 revisions stay",
        ],
    );
    let left = expect(0, &["ls", &url]).out;
    has(
        &left,
        &["app sums: 3 revisions", "1-1", "1-4", "1-5", "first"],
    );
    let sound = expect(0, &["verify", &url]).out;
    assert!(!sound.contains("no revision names"), "{sound}");
    let nothing = expect(0, &["prune", &url, APP, "--keep", "2"]);
    has(&nothing.out, &["deleted 0 revisions, 0 chunks"]);
    let runtime = app(&folder, "s", APP);
    let report = runtime.restore_last_revision().expect("it fits");
    assert_eq!(report.inputs[0].next, 6);
}

#[test]
fn nothing_is_pruned_while_a_kept_revision_cannot_be_read() {
    let folder = Folder::new("prune-damaged");
    let url = folder.url("s");
    built(&folder, "s", 3);
    let segment = folder.path("s").join(APP).join("1.3.seg");
    let bytes = fs::read(&segment).expect("a file");
    fs::write(&segment, &bytes[..bytes.len() - 5]).expect("it is written");
    let refused = expect(1, &["prune", &url, APP, "--keep", "1"]);
    has(
        &refused.err,
        &["revision 1-3", "nothing was deleted", "state verify"],
    );
    has(&expect(0, &["ls", &url]).out, &["app sums: 3 revisions"]);
}

#[test]
fn pins_are_made_moved_and_removed() {
    let folder = Folder::new("pin");
    let url = folder.url("s");
    let runtime = app(&folder, "s", APP);
    persist(&runtime, 2);
    runtime.shutdown().expect("it stops");
    drop(runtime);
    has(
        &expect(0, &["pin", &url, APP, "save"]).out,
        &["revision 1-2 is kept"],
    );
    has(
        &expect(0, &["pin", &url, APP, "save", "1-1"]).out,
        &["moved from 1-2 to 1-1"],
    );
    has(&expect(0, &["ls", &url]).out, &["save"]);
    has(
        &expect(0, &["pin", &url, APP, "save", "--remove"]).out,
        &["pin save is gone"],
    );
    has(
        &expect(2, &["pin", &url, APP, "save", "--remove"]).err,
        &["has no pin 'save'; it has: none"],
    );
    expect(2, &["pin", &url, APP, "save", "9-9"]);
    expect(1, &["pin", &url, APP, "../x"]);
}
