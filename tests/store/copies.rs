//! The two copies of a catalogue in files: one is enough, and what both lose is set aside and not deleted.

use crate::contract::{chunk, commit, owner, revision};
use crate::folder::Folder;
use crate::torn::{PowerLoss, Step, TornDisk, Tree};
use eventflux::store::{Catalogue, FileStore, PersistenceStore, StoreError};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

pub const APP: &str = "app";
const COPIES: [&str; 2] = ["catalogue", "catalogue.copy"];

/// Three revisions, of which the first is retired and the second has a name.
pub fn fill(store: &FileStore) {
    store.acquire(APP, &owner("a")).unwrap();
    let mut parent = None;
    for epoch in 1..=3 {
        let bytes = [epoch as u8; 200];
        store.put_chunk(APP, chunk(1, epoch, 0), &bytes).unwrap();
        let head = revision(1, epoch);
        store
            .commit(APP, &commit(head, parent, b"manifest"))
            .unwrap();
        parent = Some(head);
    }
    let (first, second) = (revision(1, 1), revision(1, 2));
    store.retire(APP, &[first], &[chunk(1, 1, 0)]).unwrap();
    store.pin(APP, "kept", Some(second)).unwrap();
    store.release(APP, 1).unwrap();
}

pub fn filled(folder: &Folder) -> (PathBuf, Catalogue) {
    let store = open(folder);
    fill(&store);
    (folder.path().join(APP), store.catalogue(APP).unwrap())
}

pub fn open(folder: &Folder) -> FileStore {
    FileStore::open(folder.path()).unwrap()
}

/// All files of a folder with their bytes, but the lock.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let plain =
        entries.filter(|entry| entry.file_type().unwrap().is_file() && entry.file_name() != "lock");
    plain
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// What may have become of a file; `None`: it is gone.
fn damages(good: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<Option<Vec<u8>>> = vec![None, Some(vec![]), Some(vec![0xff; 40])];
    all.push(Some([good, good].concat()));
    all.push(Some([good, b"x"].concat()));
    all.push(Some(good[..good.len() / 2].to_vec()));
    let text = String::from_utf8(good.to_vec()).unwrap();
    all.push(Some(of_another_app(&text).into_bytes()));
    all.extend((0..good.len()).map(|at| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1;
        Some(bytes)
    }));
    all
}

/// The same lines for app `other`, with their sum.
fn of_another_app(text: &str) -> String {
    let body = text.replace("\napp app\n", "\napp other\n");
    let body = &body[..body.rfind("sum ").unwrap()];
    format!("{body}sum {:016x}\n", xxh3_64(body.as_bytes()))
}

fn put(path: &Path, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn one_copy_is_enough_and_the_next_claim_mends_the_other() {
    let folder = Folder::new("copies-one");
    let (app, want) = filled(&folder);
    let whole = files(&app);
    for name in COPIES {
        let path = app.join(name);
        for bytes in damages(&whole[name]) {
            put(&path, bytes.as_deref());
            let store = open(&folder);
            assert_eq!(store.catalogue(APP), Ok(want.clone()), "{name} {bytes:?}");
            let repairs = store.repairs(APP);
            assert_eq!(repairs.len(), 1, "{repairs:?}");
            assert_eq!(repairs[0].what, path.display().to_string());
            assert!(!repairs[0].done, "only read");
            assert_eq!(store.health().repairs, 0);

            let claim = store.acquire(APP, &owner("b")).unwrap();
            assert_eq!(claim.generation, want.generation + 1);
            assert!(store.repairs(APP)[0].done);
            assert_eq!(store.health().repairs, 1);
            let now = files(&app);
            assert_eq!(now["catalogue"], now["catalogue.copy"]);
            store.release(APP, claim.generation).unwrap();
            let after = open(&folder);
            assert_eq!(after.catalogue(APP).unwrap().revisions, want.revisions);
            assert_eq!(after.repairs(APP), []);
            for (name, bytes) in &whole {
                put(&app.join(name), Some(bytes));
            }
        }
    }
}

/// An older copy beside a newer one: no revision that was retired, no pin and no generation of before comes back.
#[test]
fn the_newer_copy_counts_wherever_it_is() {
    let folder = Folder::new("copies-old");
    let store = open(&folder);
    let app = folder.path().join(APP);
    store.acquire(APP, &owner("a")).unwrap();
    let mut times = Vec::new();
    let mut parent = None;
    for epoch in 1..=4 {
        let head = revision(1, epoch);
        store.commit(APP, &commit(head, parent, b"m")).unwrap();
        times.push(files(&app)["catalogue"].clone());
        store.pin(APP, "kept", Some(head)).unwrap();
        times.push(files(&app)["catalogue"].clone());
        if let Some(before) = parent {
            store.retire(APP, &[before], &[]).unwrap();
            times.push(files(&app)["catalogue"].clone());
        }
        parent = Some(head);
    }
    drop(store);
    let store = open(&folder);
    let generation = store.acquire(APP, &owner("b")).unwrap().generation;
    let want = store.catalogue(APP).unwrap();
    drop(store);
    let newest = files(&app)["catalogue"].clone();
    for old in &times {
        for (copies, damaged) in [
            ([old, &newest], false),
            ([&newest, old], false),
            ([old, old], true),
        ] {
            for (name, bytes) in COPIES.iter().zip(copies) {
                put(&app.join(name), Some(bytes));
            }
            let store = open(&folder);
            let found = store.catalogue(APP).unwrap();
            assert_eq!(found == want, !damaged);
            // an old copy in both places is what its user put there
            if !damaged {
                assert_eq!(store.repairs(APP), [], "the other copy is old, and whole");
                let claim = store.acquire(APP, &owner("c")).unwrap();
                assert_eq!(claim.generation, generation + 1);
            }
        }
    }
}

/// Every call that needs the catalogue; the error of each.
fn refused(store: &FileStore) {
    let all = [
        store.catalogue(APP).map(drop),
        store.last_revision(APP).map(drop),
        store.get_chunk(APP, chunk(1, 2, 0)).map(drop),
        store.manifest(APP, revision(1, 2)).map(drop),
        store.load(APP, revision(1, 2)).map(drop),
        store.chunks(APP).map(drop),
        store.acquire(APP, &owner("b")).map(drop),
        store.clear_all_revisions(APP),
        store.retire(APP, &[], &[chunk(1, 2, 0)]),
        store.pin(APP, "kept", None),
    ];
    for answer in all {
        let error = answer.expect_err("it cannot be read");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        let text = error.to_string();
        for part in ["catalogue", "catalogue.copy", "backup", "--restore none"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }
}

#[test]
fn without_a_copy_all_is_refused_until_it_is_set_aside() {
    let folder = Folder::new("copies-none");
    let (app, want) = filled(&folder);
    let whole = files(&app);
    let few = |name: &str| {
        let all = damages(&whole[name]);
        let step = all.len() / 6;
        all.into_iter().step_by(step)
    };
    let mut times = 0;
    for (first, second) in few(COPIES[0]).zip(few(COPIES[1])) {
        put(&app.join(COPIES[0]), first.as_deref());
        put(&app.join(COPIES[1]), second.as_deref());
        let before = files(&app);
        let store = open(&folder);
        refused(&store);
        assert_eq!(files(&app), before, "nothing has changed");

        times += 1;
        let aside = store.set_aside(APP, &owner("b")).unwrap().expect("damaged");
        assert_eq!(Path::new(&aside), app.join(format!("aside-{times}")));
        assert_eq!(files(Path::new(&aside)), before, "all of it is there");
        assert_eq!(
            store.set_aside(APP, &owner("b")),
            Ok(None),
            "now it is whole"
        );
        assert_eq!(store.catalogue(APP).unwrap().revisions, []);
        assert_eq!(store.chunks(APP), Ok(vec![]));
        let claim = store.acquire(APP, &owner("b")).unwrap();
        assert!(
            claim.generation > want.generation && claim.last_epoch >= 3,
            "{claim:?}"
        );
        let head = revision(claim.generation, claim.last_epoch + 1);
        store.commit(APP, &commit(head, None, b"m")).unwrap();
        drop(store);
        assert_eq!(open(&folder).last_revision(APP), Ok(Some(head)));

        // a backup of the folder goes on as if nothing had been
        for name in files(&app).keys() {
            put(&app.join(name), None);
        }
        for (name, bytes) in &whole {
            put(&app.join(name), Some(bytes));
        }
        assert_eq!(open(&folder).catalogue(APP), Ok(want.clone()));
    }
    assert!(times > 4);
    assert_eq!(open(&folder).apps(), Ok(vec![APP.to_string()]));
}

#[test]
fn who_owns_the_app_is_not_set_aside() {
    let folder = Folder::new("copies-owned");
    let (app, _) = filled(&folder);
    let store = open(&folder);
    let claim = store.acquire(APP, &owner("live")).unwrap();
    for name in COPIES {
        put(&app.join(name), Some(b""));
    }
    for other in [&store, &open(&folder)] {
        let answer = other.set_aside(APP, &owner("b"));
        match answer {
            // who holds the claim knows what the catalogue is
            Ok(None) => assert!(std::ptr::eq(other, &store)),
            Err(StoreError::Locked { owner, .. }) => assert_eq!(owner, "live"),
            other => panic!("{other:?}"),
        }
    }
    // the next write of the owner mends both
    store.pin(APP, "kept", None).unwrap();
    store.release(APP, claim.generation).unwrap();
    assert_eq!(open(&folder).catalogue(APP).unwrap().pins, []);
}

/// A store of a build with one file goes on, and has two after the first write.
#[test]
fn a_store_with_one_file_goes_on() {
    let folder = Folder::new("copies-first");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/checkpoint/fixtures/491fc54/store/window_batch");
    let app = folder.path().join("window_batch");
    fs::create_dir(&app).unwrap();
    for (name, bytes) in files(&fixture) {
        put(&app.join(name), Some(&bytes));
    }
    let old = files(&app);
    assert!(old["catalogue"].starts_with(b"eventflux-catalogue 1\n"));
    assert!(!old.contains_key("catalogue.copy"));
    let name = "window_batch";
    let store = open(&folder);
    let found = store.catalogue(name).unwrap();
    let head = found.revisions.last().expect("one at least").revision;
    assert!(store.manifest(name, head).unwrap().is_some());
    assert_eq!(store.repairs(name), [], "it never had two");
    let claim = store.acquire(name, &owner("a")).unwrap();
    assert_eq!(claim.generation, found.generation + 1);
    let new = files(&app);
    assert_eq!(new["catalogue"], new["catalogue.copy"]);
    assert!(new["catalogue"].starts_with(b"eventflux-catalogue 2\n"));
    assert_eq!(store.catalogue(name).unwrap().revisions, found.revisions);
    drop(store);
    // after a crash between the two renames: the new one counts
    put(&app.join("catalogue"), Some(&old["catalogue"]));
    let store = open(&folder);
    assert_eq!(store.catalogue(name).unwrap().generation, claim.generation);
    assert_eq!(store.repairs(name), []);
    // damaged while it is the only one
    put(&app.join("catalogue.copy"), None);
    put(&app.join("catalogue"), Some(b"eventflux-catalogue 1\nx"));
    let text = store.catalogue(name).expect_err("damaged").to_string();
    assert!(
        text.contains("so is its copy, catalogue.copy: it is missing"),
        "{text}"
    );
}

/// The files in a state, by name; those set aside, too.
fn by_name(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    let files = tree
        .iter()
        .filter_map(|(path, bytes)| Some((path, bytes.clone()?)));
    files
        .map(|(path, bytes)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.to_string(), bytes)
        })
        .collect()
}

/// Power is lost while files are set aside: either the catalogue cannot be read still, or the new history has begun;
/// and each file is where it was or where it went.
#[test]
fn setting_aside_survives_a_power_loss() {
    let dir = Path::new("/data");
    let disk = TornDisk::default();
    fill(&FileStore::open_on(Arc::new(disk.clone()), dir).unwrap());
    let mut tree = settled(&disk.log());
    for name in COPIES {
        tree.insert(dir.join(APP).join(name), Some(b"damaged".to_vec()));
    }
    let segments = by_name(&tree);
    let segments = segments.iter().filter(|(name, _)| name.ends_with(".seg"));
    let segments: Vec<(&String, &Vec<u8>)> = segments.collect();
    assert_eq!(segments.len(), 2);
    let disk = TornDisk::boot(tree.clone());
    let store = FileStore::open_on(Arc::new(disk.clone()), dir).unwrap();
    store.set_aside(APP, &owner("b")).unwrap().expect("damaged");
    let (mut before, mut after) = (0, 0);
    let mut loss = PowerLoss::after(tree);
    let mut check = |loss: &PowerLoss, is_over: bool| {
        for tree in loss.states() {
            let found = by_name(&tree);
            for (name, bytes) in &segments {
                assert_eq!(found.get(*name), Some(*bytes), "{name}");
            }
            let store = FileStore::open_on(Arc::new(TornDisk::boot(tree)), dir).unwrap();
            match store.catalogue(APP) {
                Err(StoreError::Corrupt { .. }) if !is_over => before += 1,
                Ok(catalogue) => {
                    assert_eq!(catalogue.revisions, []);
                    assert_eq!(catalogue.generation, 1);
                    after += 1;
                }
                other => panic!("{other:?}"),
            }
            // whatever it is: none of the old comes back, and a new history can begin
            store.set_aside(APP, &owner("c")).unwrap();
            let claim = store.acquire(APP, &owner("c")).unwrap();
            assert!(claim.generation > 1 && claim.last_epoch >= 3, "{claim:?}");
            assert_eq!(store.catalogue(APP).unwrap().revisions, []);
        }
    };
    let log = disk.log();
    for (done, step) in log.iter().enumerate() {
        loss.step(step);
        check(&loss, done + 1 == log.len());
    }
    assert!(before > 20 && after > 5, "{before}, {after}");
}

/// The tree after a log, when all of it has reached the disk.
fn settled(log: &[Step]) -> Tree {
    let mut loss = PowerLoss::default();
    log.iter().for_each(|step| loss.step(step));
    loss.settled()
}
