//! Damaged stores: `verify` names what is wrong, `ls` and `show` tell what is left.

use crate::build::{APP, Folder, built, expect, has, state};
use eventflux::checkpoint::{Manifest, verify, write_blob};
use eventflux::store::{PersistenceStore, Revision};
use std::fs;
use std::path::{Path, PathBuf};

const DAMAGES: [&str; 4] = ["flip", "cut", "empty", "delete"];

fn damage(path: &Path, how: &str) {
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    match how {
        "flip" => bytes[middle] ^= 4,
        "cut" => bytes.truncate(middle),
        "empty" => bytes.clear(),
        _ => return fs::remove_file(path).expect("it is there"),
    }
    fs::write(path, bytes).expect("it is written");
}

/// The app's folder with its files, to be damaged and made whole again.
struct Files {
    dir: PathBuf,
    whole: Vec<(String, Vec<u8>)>,
}

impl Files {
    fn of(folder: &Folder) -> Files {
        let dir = folder.path("s").join(APP);
        let listed = fs::read_dir(&dir).expect("a folder");
        let mut whole = Vec::new();
        for entry in listed {
            let name = entry.expect("listed").file_name();
            let name = name.into_string().expect("UTF-8");
            let bytes = fs::read(dir.join(&name)).expect("a file");
            whole.push((name, bytes));
        }
        whole.sort();
        Files { dir, whole }
    }

    fn named(&self, ending: &str) -> Vec<String> {
        let names = self.whole.iter().map(|(name, _)| name.clone());
        names.filter(|name| name.ends_with(ending)).collect()
    }

    fn mend(&self) {
        for (name, bytes) in &self.whole {
            fs::write(self.dir.join(name), bytes).expect("it is written");
        }
    }
}

#[test]
fn damage_of_every_segment_is_named_and_the_rest_is_read() {
    let folder = Folder::new("segments");
    let url = folder.url("s");
    let revisions = built(&folder, "s", 3);
    has(
        &expect(0, &["verify", &url]).out,
        &["3 revisions of 1 app: sound"],
    );
    let files = Files::of(&folder);
    let segments = files.named(".seg");
    assert_eq!(segments.len(), 3, "{segments:?}");
    for (segment, revision) in segments.iter().zip(&revisions) {
        for how in DAMAGES {
            damage(&files.dir.join(segment), how);
            let told = expect(1, &["verify", &url]);
            let name = segment.trim_end_matches(".seg");
            assert!(
                told.out.contains(name) || told.out.contains(&revision.to_string()),
                "{how} {segment}: {}",
                told.out
            );
            has(&told.err, &["fault", "of 1 app"]);
            has(&expect(0, &["ls", &url]).out, &["app sums: 3 revisions"]);
            let store = folder.store("s");
            for revision in &revisions {
                let shown = state(&["show", &url, APP, &revision.to_string()]);
                if verify(&store, APP, *revision).is_sound() {
                    assert_eq!(shown.status, Some(0), "{how} {segment}: {}", shown.err);
                }
                assert!(matches!(shown.status, Some(0 | 1)));
                let target = folder.path("out").display().to_string();
                let export = ["export", &url, APP, &revision.to_string(), "--to", &target];
                let exported = state(&export);
                assert_eq!(exported.status == Some(0), folder.path("out").exists());
                let _ = fs::remove_file(folder.path("out"));
            }
            files.mend();
        }
    }
    let [a, b] = [&segments[1], &segments[2]].map(|name| files.dir.join(name));
    let (of_a, of_b) = (fs::read(&a).expect("a file"), fs::read(&b).expect("a file"));
    fs::write(&a, of_b).expect("it is written");
    fs::write(&b, of_a).expect("it is written");
    let told = expect(1, &["verify", &url, APP]);
    has(&told.out, &["1.2.seg", "1.3.seg", "sums 1-1: sound"]);
    has(&expect(0, &["ls", &url]).out, &["cannot be read", "feed 2"]);
    expect(0, &["verify", &url, APP, "1-1"]);
    files.mend();
    expect(0, &["verify", &url]);
}

#[test]
fn damage_of_the_catalogue_is_named_and_other_apps_are_read() {
    let folder = Folder::new("catalogue");
    let url = folder.url("s");
    built(&folder, "s", 2);
    crate::build::by_hand(&folder.store("s"), 3);
    let files = Files::of(&folder);
    for how in DAMAGES {
        for name in ["catalogue", "catalogue.copy"] {
            damage(&files.dir.join(name), how);
        }
        let told = expect(1, &["verify", &url]);
        has(
            &told.out,
            &["sums: ", "catalogue is damaged: ", "desk 1-1: sound"],
        );
        has(
            &expect(0, &["ls", &url]).out,
            &["app sums: ", "is damaged", "trades 4"],
        );
        expect(1, &["ls", &url, "--app", APP]);
        expect(1, &["show", &url, APP]);
        expect(1, &["prune", &url, APP, "--keep", "1"]);
        expect(1, &["pin", &url, APP, "name"]);
        expect(0, &["show", &url, "desk"]);
        files.mend();
    }
    damage(&files.dir.join("lock"), "empty");
    expect(0, &["verify", &url]);
}

#[test]
fn whole_revisions_are_looked_at_and_their_damage_is_named() {
    let folder = Folder::new("blob");
    let url = folder.url("s");
    built(&folder, "s", 1);
    let store = folder.store("s");
    save_copy(&store);
    drop(store);
    has(&expect(0, &["verify", &url]).out, &["sums 1-2: sound"]);
    has(&expect(0, &["ls", &url]).out, &["1-2", "feed 2", "head"]);
    has(
        &expect(0, &["show", &url, APP, "1-2"]).out,
        &["queries\n  total"],
    );
    let files = Files::of(&folder);
    for how in DAMAGES {
        damage(&files.dir.join("1.2.blob"), how);
        has(
            &expect(1, &["verify", &url]).out,
            &["1.2.blob", "sums 1-1: sound"],
        );
        has(&expect(0, &["ls", &url]).out, &["cannot be read", "feed 2"]);
        expect(1, &["show", &url, APP, "1-2"]);
        files.mend();
    }
}

/// Adds the head once more, as one blob under a name of its own.
fn save_copy(store: &dyn PersistenceStore) {
    let head = store
        .last_revision(APP)
        .expect("read")
        .expect("there is one");
    let manifest = store
        .manifest(APP, head)
        .expect("read")
        .expect("it is there");
    let mut manifest = Manifest::decode(&manifest, None).expect("it is sound");
    let chunks: Vec<_> = manifest
        .chunks
        .iter()
        .map(|c| {
            (
                *c,
                store
                    .get_chunk(APP, c.name)
                    .expect("read")
                    .expect("it is there"),
            )
        })
        .collect();
    manifest.revision = Revision {
        generation: 1,
        epoch: 2,
    };
    let mut blob = Vec::new();
    write_blob(&manifest, chunks.into_iter(), &mut blob).expect("it is written");
    store
        .save(APP, manifest.revision, &blob)
        .expect("it is free");
}
