//! What the file store leaves in its folder, and what it does with files that are not what it left.

use crate::contract::{chunk, commit, owner, revision};
use crate::folder::Folder;
use eventflux::store::{FileStore, PersistenceStore, StoreError};
use std::fs;
use std::path::{Path, PathBuf};

const APP: &str = "app";

fn list(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A store with revision 1-1 of two chunks and an orphan of epoch 2, released.
fn filled(folder: &Folder) -> PathBuf {
    let store = FileStore::open(folder.path()).unwrap();
    store.acquire(APP, &owner("a")).unwrap();
    store.put_chunk(APP, chunk(1, 1, 0), &[7; 1000]).unwrap();
    store.put_chunk(APP, chunk(1, 1, 1), &[8; 2000]).unwrap();
    let head = commit(revision(1, 1), None, b"manifest");
    store.commit(APP, &head).unwrap();
    store.put_chunk(APP, chunk(1, 2, 0), b"orphan").unwrap();
    folder.path().join(APP)
}

#[test]
fn the_folder_holds_what_the_page_says() {
    let folder = Folder::new("layout");
    let dir = folder.path().join("deep/er");
    let store = FileStore::open(&dir).unwrap();
    assert_eq!(store.describe(), format!("file:{}", dir.display()));
    store.acquire(APP, &owner("host:1\nx")).unwrap();
    store.put_chunk(APP, chunk(1, 3, 0), b"one").unwrap();
    store.put_chunk(APP, chunk(1, 3, 1), b"two").unwrap();
    let head = revision(1, 3);
    store.commit(APP, &commit(head, None, b"m")).unwrap();
    store.save(APP, revision(1, 4), b"whole").unwrap();
    let app = dir.join(APP);
    assert_eq!(
        list(&app),
        ["1.3.seg", "1.4.blob", "catalogue", "catalogue.copy", "lock"]
    );
    assert_eq!(fs::read(app.join("lock")).unwrap(), b"host:1 x\n");
    assert_eq!(fs::read(app.join("1.4.blob")).unwrap(), b"whole");
    let records = 3 * 52 + "one".len() + "two".len() + "m".len();
    let segment = fs::metadata(app.join("1.3.seg")).unwrap();
    assert_eq!(segment.len(), records as u64);

    // a segment goes when neither its revision nor any of its chunks is needed
    store.retire(APP, &[head], &[chunk(1, 3, 0)]).unwrap();
    assert_eq!(
        list(&app),
        ["1.3.seg", "1.4.blob", "catalogue", "catalogue.copy", "lock"]
    );
    drop(store);
    let store = FileStore::open(&dir).unwrap();
    assert_eq!(store.chunks(APP).unwrap(), [chunk(1, 3, 1)]);
    store.retire(APP, &[], &[chunk(1, 3, 1)]).unwrap();
    assert_eq!(
        list(&app),
        ["1.4.blob", "catalogue", "catalogue.copy", "lock"]
    );
    let catalogue = || fs::read_to_string(app.join("catalogue")).unwrap();
    assert!(catalogue().contains("\ndead 1-3 0 1\n"));
    store.acquire(APP, &owner("next")).unwrap();
    assert!(!catalogue().contains("dead"), "{}", catalogue());
    store.clear_all_revisions(APP).unwrap();
    assert_eq!(list(&app), ["catalogue", "catalogue.copy", "lock"]);
}

#[test]
fn a_claim_sweeps_what_nothing_needs() {
    let folder = Folder::new("sweep");
    let app = filled(&folder);
    fs::write(app.join("catalogue.tmp"), "half").unwrap();
    fs::write(app.join("1.9.blob"), "never in the catalogue").unwrap();
    fs::write(app.join("1.8.seg"), "no whole record").unwrap();
    fs::write(app.join("notes.txt"), "not ours").unwrap();
    fs::write(app.join("01.7.seg"), "not ours").unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let claim = store.acquire(APP, &owner("b")).unwrap();
    assert_eq!((claim.generation, claim.last_epoch), (2, 9));
    let kept = [
        "01.7.seg",
        "1.1.seg",
        "1.2.seg",
        "catalogue",
        "catalogue.copy",
        "lock",
        "notes.txt",
    ];
    assert_eq!(list(&app), kept);
    // epochs that were seen are remembered without their files
    store.retire(APP, &[], &[chunk(1, 2, 0)]).unwrap();
    store.release(APP, 2).unwrap();
    assert_eq!(store.acquire(APP, &owner("c")).unwrap().last_epoch, 9);
}

/// A segment that was committed and lost its first header is kept: someone may want to look at it.
#[test]
fn a_claim_does_not_sweep_a_damaged_segment() {
    let folder = Folder::new("keep-damaged");
    let app = filled(&folder);
    let store = FileStore::open(folder.path()).unwrap();
    store.acquire(APP, &owner("b")).unwrap();
    let (old, new) = (revision(1, 1), revision(2, 3));
    store.commit(APP, &commit(new, Some(old), b"m")).unwrap();
    store.retire(APP, &[old], &[chunk(1, 1, 0)]).unwrap();
    drop(store);
    let mut bytes = fs::read(app.join("1.1.seg")).unwrap();
    bytes[0] ^= 1;
    fs::write(app.join("1.1.seg"), bytes).unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    store.acquire(APP, &owner("c")).unwrap();
    assert!(app.join("1.1.seg").exists());
    assert_eq!(store.get_chunk(APP, chunk(1, 1, 1)), Ok(None));
}

/// Reads all there is; errors are fine, panics and wrong bytes are not.
fn read_all(folder: &Folder) -> Result<(), StoreError> {
    let store = FileStore::open(folder.path())?;
    store.catalogue(APP)?;
    for name in store.chunks(APP)? {
        store.get_chunk(APP, name)?;
    }
    let wanted = [(0, vec![7; 1000]), (1, vec![8; 2000])];
    for (number, bytes) in wanted {
        if let Some(found) = store.get_chunk(APP, chunk(1, 1, number))? {
            assert_eq!(found, bytes);
        }
    }
    if let Some(manifest) = store.manifest(APP, revision(1, 1))? {
        assert_eq!(manifest, b"manifest");
    }
    Ok(())
}

#[test]
fn a_changed_or_shortened_segment_gives_no_wrong_bytes() {
    let folder = Folder::new("damage");
    let path = filled(&folder).join("1.1.seg");
    let good = fs::read(&path).unwrap();
    let mut damaged = 0;
    for at in 0..good.len() {
        let in_header = at < 60 || (1050..1110).contains(&at) || at > 3100;
        if !in_header && at % 97 != 0 {
            continue;
        }
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        for bytes in [&bad[..], &good[..at]] {
            fs::write(&path, bytes).unwrap();
            let error = read_all(&folder).expect_err("the manifest is behind");
            assert!(matches!(error, StoreError::Corrupt { .. }), "{at}: {error}");
            damaged += 1;
        }
    }
    assert!(damaged > 300, "{damaged}");
    fs::write(&path, &good).unwrap();
    assert_eq!(read_all(&folder), Ok(()));
}

#[test]
fn a_missing_file_that_the_catalogue_names_is_told() {
    let folder = Folder::new("missing");
    let app = filled(&folder);
    let store = FileStore::open(folder.path()).unwrap();
    store.save(APP, revision(1, 5), b"whole").unwrap();
    fs::write(app.join("1.5.blob"), b"wholE").unwrap();
    let changed = store.load(APP, revision(1, 5));
    assert!(
        matches!(changed, Err(StoreError::Corrupt { .. })),
        "{changed:?}"
    );
    fs::remove_file(app.join("1.5.blob")).unwrap();
    fs::remove_file(app.join("1.1.seg")).unwrap();
    let gone = [
        store.load(APP, revision(1, 5)),
        store.manifest(APP, revision(1, 1)),
    ];
    for answer in gone {
        let text = answer.expect_err("it is gone").to_string();
        assert!(text.contains("missing"), "{text}");
    }
    assert_eq!(store.get_chunk(APP, chunk(1, 1, 0)), Ok(None));
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error() {
    let folder = Folder::new("in-place");
    let path = folder.path().join("file");
    fs::write(&path, "x").unwrap();
    assert!(matches!(FileStore::open(&path), Err(StoreError::Io { .. })));
    let store = FileStore::open(folder.path()).unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    let health = store.health();
    assert!(!health.reachable && health.detail.contains("gone"));
}

#[test]
fn chunks_are_read_from_many_threads() {
    let folder = Folder::new("threads");
    let store = FileStore::open(folder.path()).unwrap();
    store.acquire(APP, &owner("a")).unwrap();
    let mut parent = None;
    for epoch in 1..=40_u8 {
        let head = revision(1, epoch.into());
        let name = chunk(1, epoch.into(), 0);
        store.put_chunk(APP, name, &[epoch; 300]).unwrap();
        store.commit(APP, &commit(head, parent, b"m")).unwrap();
        parent = Some(head);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for epoch in 1..=40_u8 {
                    let bytes = store.get_chunk(APP, chunk(1, epoch.into(), 0));
                    assert_eq!(bytes, Ok(Some(vec![epoch; 300])));
                }
            });
        }
    });
}
