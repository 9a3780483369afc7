//! Symbolic links in a folder store: what they lead to may be where others write.

use crate::contract::{chunk, owner, revision};
use crate::copies::{APP, fill, filled, open};
use crate::folder::Folder;
use eventflux::store::{FileStore, PersistenceStore, StoreError};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// All calls that look at an app, or write.
fn all_refused(folder: &Folder, what: &Path) {
    let store = open(folder);
    let head = revision(1, 3);
    let all = [
        store.catalogue(APP).map(drop),
        store.chunks(APP).map(drop),
        store.manifest(APP, head).map(drop),
        store.get_chunk(APP, chunk(1, 3, 0)).map(drop),
        store.acquire(APP, &owner("b")).map(drop),
        store.pin(APP, "kept", Some(revision(1, 2))),
    ];
    let refused = all.into_iter().filter_map(Result::err);
    let texts: Vec<String> = refused
        .map(|error| {
            assert!(matches!(error, StoreError::Refused { .. }), "{error}");
            error.to_string()
        })
        .collect();
    assert!(!texts.is_empty(), "{}", what.display());
    for text in texts {
        assert!(text.contains(&what.display().to_string()), "{text}");
        assert!(text.contains("put what it leads to in its place"), "{text}");
    }
}

#[test]
fn a_link_is_refused_until_its_target_is_in_its_place() {
    let folder = Folder::new("links");
    let elsewhere = Folder::new("links-elsewhere");
    let (app, want) = filled(&folder);
    for name in ["", "catalogue", "catalogue.copy", "1.3.seg", "lock"] {
        let place = match name {
            "" => app.clone(),
            name => app.join(name),
        };
        let target = elsewhere.path().join("target");
        fs::rename(&place, &target).unwrap();
        symlink(&target, &place).unwrap();
        all_refused(&folder, &place);
        assert_eq!(
            open(&folder).apps(),
            Ok(vec![APP.to_string()]),
            "it is not hidden"
        );
        assert!(fs::symlink_metadata(&place).unwrap().is_symlink());
        fs::remove_file(&place).unwrap();
        fs::rename(&target, &place).unwrap();
        let now = open(&folder).catalogue(APP).unwrap();
        assert_eq!(
            (&now.revisions, &now.pins),
            (&want.revisions, &want.pins),
            "{name}"
        );
        assert!(
            open(&folder)
                .manifest(APP, revision(1, 3))
                .unwrap()
                .is_some()
        );
    }
    // nor is one followed that leads nowhere yet
    symlink(elsewhere.path().join("ahead"), folder.path().join("new")).unwrap();
    let ahead = open(&folder).acquire("new", &owner("b"));
    assert!(
        matches!(ahead, Err(StoreError::Refused { .. })),
        "{ahead:?}"
    );
    symlink(elsewhere.path().join("ahead"), app.join("catalogue.tmp")).unwrap();
    let claim = open(&folder).acquire(APP, &owner("b"));
    assert!(
        matches!(claim, Err(StoreError::Refused { .. })),
        "{claim:?}"
    );
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn the_folder_of_the_store_may_be_a_link() {
    let folder = Folder::new("links-root");
    let link = folder.path().join("link");
    fs::create_dir(folder.path().join("real")).unwrap();
    symlink("real", &link).unwrap();
    let store = FileStore::open(&link).unwrap();
    fill(&store);
    let head = revision(1, 3);
    assert_eq!(store.last_revision(APP), Ok(Some(head)));
    assert!(folder.path().join("real/app/catalogue").is_file());
}
