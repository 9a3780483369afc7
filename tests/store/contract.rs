//! What every store promises, asked of all of them.
//!
//! `Make` opens a handle on the same contents each time, as another process would.

use eventflux::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, Digest, Entry, Owner, PersistenceStore,
    Revision, StoreError,
};
use std::sync::Arc;

pub type Store = Arc<dyn PersistenceStore>;
pub type Make<'a> = &'a dyn Fn() -> Store;

const APP: &str = "orders";

/// The contract; each part begins with an empty store.
pub const PARTS: &[fn(Make<'_>)] = &[
    an_unknown_app_is_empty,
    whole_revisions,
    chunks_and_commits,
    stale_parents_and_conflicts,
    one_owner_at_a_time,
    older_generations_are_fenced,
    a_stale_handle_is_refused,
    retire_and_pin,
    clear,
    hostile_names,
];

pub fn owner(name: &str) -> Owner {
    Owner {
        name: name.to_string(),
        takeover: false,
    }
}

pub fn takeover(name: &str) -> Owner {
    Owner {
        name: name.to_string(),
        takeover: true,
    }
}

pub fn revision(generation: u64, epoch: u64) -> Revision {
    Revision { generation, epoch }
}

pub fn chunk(generation: u64, epoch: u64, number: u32) -> ChunkName {
    ChunkName {
        generation,
        epoch,
        number,
    }
}

/// A commit whose digest is made up from its epoch.
pub fn commit(revision: Revision, parent: Option<Revision>, manifest: &[u8]) -> Commit<'_> {
    Commit {
        revision,
        digest: digest(revision),
        parent: parent.map(|p| (p, digest(p))),
        manifest,
    }
}

pub fn digest(revision: Revision) -> Digest {
    u128::from(revision.epoch) << 64 | u128::from(revision.generation)
}

fn acquire(store: &Store, name: &str) -> Claim {
    store.acquire(APP, &owner(name)).expect("no one else owns")
}

fn names(catalogue: &Catalogue) -> Vec<Revision> {
    catalogue.revisions.iter().map(|e| e.revision).collect()
}

fn an_unknown_app_is_empty(make: Make<'_>) {
    let store = make();
    assert_eq!(store.catalogue(APP), Ok(Catalogue::default()));
    assert_eq!(store.last_revision(APP), Ok(None));
    assert_eq!(store.load(APP, revision(1, 1)), Ok(None));
    assert_eq!(store.manifest(APP, revision(1, 1)), Ok(None));
    assert_eq!(store.get_chunk(APP, chunk(1, 1, 0)), Ok(None));
    assert_eq!(store.chunks(APP), Ok(vec![]));
    assert_eq!(store.clear_all_revisions(APP), Ok(()));
    assert_eq!(
        store.retire(APP, &[revision(1, 1)], &[chunk(1, 1, 0)]),
        Ok(())
    );
    assert_eq!(store.pin(APP, "kept", None), Ok(()));
    assert_eq!(store.apps(), Ok(vec![]));
    let put = store.put_chunk(APP, chunk(1, 1, 0), b"x");
    assert!(matches!(put, Err(StoreError::Fenced { .. })), "{put:?}");
    assert!(store.health().reachable);
}

fn whole_revisions(make: Make<'_>) {
    let store = make();
    let (first, second) = (revision(1, 1), revision(1, 2));
    assert_eq!(store.save(APP, first, b"one"), Ok(()));
    assert_eq!(store.save(APP, first, b"one"), Ok(()));
    let other = store.save(APP, first, b"other");
    assert!(
        matches!(other, Err(StoreError::Conflict { .. })),
        "{other:?}"
    );
    assert_eq!(store.save(APP, second, b""), Ok(()));
    let older = store.save(APP, revision(1, 0), b"older");
    assert_eq!(older, Err(StoreError::StaleParent { head: Some(second) }));

    let later = make();
    assert_eq!(later.load(APP, first), Ok(Some(b"one".to_vec())));
    assert_eq!(later.load(APP, second), Ok(Some(vec![])));
    assert_eq!(later.manifest(APP, second), Ok(None));
    assert_eq!(later.last_revision(APP), Ok(Some(second)));
    let claim = acquire(&later, "a");
    assert_eq!((claim.generation, claim.last_epoch), (2, 2));
    let fenced = later.save(APP, revision(1, 3), b"late");
    assert!(
        matches!(fenced, Err(StoreError::Fenced { .. })),
        "{fenced:?}"
    );
    let locked = store.save(APP, revision(2, 3), b"not mine");
    assert!(
        matches!(locked, Err(StoreError::Locked { .. })),
        "{locked:?}"
    );
    assert_eq!(later.save(APP, revision(2, 3), b"mine"), Ok(()));
    assert_eq!(later.retire(APP, &[first], &[]), Ok(()));
    assert_eq!(later.load(APP, first), Ok(None));
    assert_eq!(
        names(&make().catalogue(APP).unwrap()),
        [second, revision(2, 3)]
    );
}

fn chunks_and_commits(make: Make<'_>) {
    let store = make();
    let claim = acquire(&store, "a");
    assert_eq!((claim.generation, claim.last_epoch), (1, 0));
    let (name, bytes) = (chunk(1, 1, 0), b"first chunk".to_vec());
    assert_eq!(store.put_chunk(APP, name, &bytes), Ok(()));
    assert_eq!(store.put_chunk(APP, name, &bytes), Ok(()));
    let other = store.put_chunk(APP, name, b"other bytes");
    assert!(
        matches!(other, Err(StoreError::Conflict { .. })),
        "{other:?}"
    );
    assert_eq!(store.put_chunk(APP, chunk(1, 1, 7), b""), Ok(()));
    assert_eq!(store.get_chunk(APP, name), Ok(Some(bytes.clone())));

    let head = revision(1, 1);
    let commit_1 = commit(head, None, b"manifest 1");
    assert_eq!(store.manifest(APP, head), Ok(None));
    assert_eq!(store.last_revision(APP), Ok(None));
    assert_eq!(store.commit(APP, &commit_1), Ok(Committed::Done));
    assert_eq!(store.commit(APP, &commit_1), Ok(Committed::Already));
    let late = store.put_chunk(APP, chunk(1, 1, 8), b"behind the manifest");
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    assert_eq!(store.put_chunk(APP, name, &bytes), Ok(()));

    // an epoch that is never committed, and one without chunks
    assert_eq!(store.put_chunk(APP, chunk(1, 2, 0), b"orphan"), Ok(()));
    let next = revision(1, 3);
    let commit_3 = commit(next, Some(head), b"manifest 3");
    assert_eq!(store.commit(APP, &commit_3), Ok(Committed::Done));
    assert_eq!(store.commit(APP, &commit_1), Ok(Committed::Already));
    assert_eq!(store.put_chunk(APP, chunk(1, 2, 1), b"orphan, too"), Ok(()));

    let reader = make();
    let catalogue = reader.catalogue(APP).unwrap();
    let entry = |revision| Entry {
        revision,
        digest: digest(revision),
    };
    assert_eq!(catalogue.generation, 1);
    assert_eq!(catalogue.revisions, [entry(head), entry(next)]);
    assert_eq!(reader.apps(), Ok(vec![APP.to_string()]));
    assert_eq!(reader.last_revision(APP), Ok(Some(next)));
    assert_eq!(reader.manifest(APP, head), Ok(Some(b"manifest 1".to_vec())));
    assert_eq!(reader.manifest(APP, next), Ok(Some(b"manifest 3".to_vec())));
    assert_eq!(reader.load(APP, next), Ok(None));
    assert_eq!(reader.get_chunk(APP, name), Ok(Some(bytes)));
    assert_eq!(reader.get_chunk(APP, chunk(1, 1, 7)), Ok(Some(vec![])));
    assert_eq!(reader.get_chunk(APP, chunk(1, 1, 8)), Ok(None));
    let all = [
        chunk(1, 1, 0),
        chunk(1, 1, 7),
        chunk(1, 2, 0),
        chunk(1, 2, 1),
    ];
    assert_eq!(reader.chunks(APP).unwrap(), all);
}

fn stale_parents_and_conflicts(make: Make<'_>) {
    let store = make();
    acquire(&store, "a");
    let (first, second, third) = (revision(1, 1), revision(1, 2), revision(1, 3));
    let stale = |head| Err(StoreError::StaleParent { head });
    let early = commit(second, Some(first), b"");
    assert_eq!(store.commit(APP, &early), stale(None));
    let root = commit(second, None, b"m");
    assert_eq!(store.commit(APP, &root), Ok(Committed::Done));
    let another_root = commit(third, None, b"m");
    assert_eq!(store.commit(APP, &another_root), stale(Some(second)));
    let wrong_digest = Commit {
        parent: Some((second, 1)),
        ..another_root
    };
    assert_eq!(store.commit(APP, &wrong_digest), stale(Some(second)));
    let lower = commit(first, Some(second), b"m");
    assert_eq!(store.commit(APP, &lower), stale(Some(second)));
    let same_name = Commit { digest: 1, ..root };
    let conflict = store.commit(APP, &same_name);
    assert!(
        matches!(conflict, Err(StoreError::Conflict { .. })),
        "{conflict:?}"
    );
    assert_eq!(names(&store.catalogue(APP).unwrap()), [second]);
}

fn one_owner_at_a_time(make: Make<'_>) {
    let (a, b) = (make(), make());
    assert_eq!(acquire(&a, "host-a:17").generation, 1);
    for store in [&a, &b] {
        let locked = store.acquire(APP, &owner("host-b:18"));
        let Err(StoreError::Locked { app, owner, .. }) = &locked else {
            panic!("{locked:?}");
        };
        assert_eq!((app.as_str(), owner.as_str()), (APP, "host-a:17"));
    }
    // one owner of each app
    assert_eq!(b.acquire("other", &owner("b")).map(|c| c.generation), Ok(1));
    a.put_chunk(APP, chunk(1, 5, 0), b"begun").unwrap();
    assert_eq!(a.release(APP, 1), Ok(()));
    let claim = acquire(&b, "host-b:18");
    assert_eq!((claim.generation, claim.last_epoch), (2, 5));
    drop(b);
    // what a process held is free when it ends
    assert_eq!(acquire(&a, "host-a:17").generation, 3);
    assert_eq!(a.apps().unwrap(), [APP, "other"]);
}

fn older_generations_are_fenced(make: Make<'_>) {
    let store = make();
    acquire(&store, "a");
    let head = revision(1, 1);
    store.commit(APP, &commit(head, None, b"m")).unwrap();
    let claim = store.acquire(APP, &takeover("b")).unwrap();
    assert_eq!((claim.generation, claim.last_epoch), (2, 1));
    let fenced = StoreError::Fenced {
        generation: 1,
        current: 2,
    };
    let put = store.put_chunk(APP, chunk(1, 2, 0), b"late");
    assert_eq!(put, Err(fenced.clone()));
    let late = commit(revision(1, 2), Some(head), b"late");
    assert_eq!(store.commit(APP, &late), Err(fenced.clone()));
    let again = commit(head, None, b"m");
    assert_eq!(store.commit(APP, &again), Err(fenced.clone()));
    assert_eq!(store.release(APP, 1), Err(fenced));
    let next = commit(revision(2, 2), Some(head), b"m2");
    assert_eq!(store.commit(APP, &next), Ok(Committed::Done));
    let future = store.put_chunk(APP, chunk(3, 3, 0), b"no claim");
    assert!(
        matches!(future, Err(StoreError::Fenced { .. })),
        "{future:?}"
    );
    assert_eq!(store.release(APP, 2), Ok(()));
    let released = store.put_chunk(APP, chunk(2, 3, 0), b"released");
    assert!(
        matches!(released, Err(StoreError::Fenced { .. })),
        "{released:?}"
    );
}

/// Calls that carry no generation are those of the handle's last claim.
fn a_stale_handle_is_refused(make: Make<'_>) {
    let (old, new, bystander) = (make(), make(), make());
    acquire(&old, "old");
    let head = revision(1, 1);
    old.commit(APP, &commit(head, None, b"m")).unwrap();
    old.release(APP, 1).unwrap();
    assert_eq!(old.pin(APP, "kept", Some(head)), Ok(()));
    acquire(&new, "new");
    let fenced = Err(StoreError::Fenced {
        generation: 1,
        current: 2,
    });
    assert_eq!(old.retire(APP, &[], &[chunk(1, 1, 0)]), fenced);
    assert_eq!(old.pin(APP, "kept", None), fenced);
    assert_eq!(old.clear_all_revisions(APP), fenced);
    assert_eq!(old.save(APP, revision(2, 2), b"x"), fenced);
    for refused in [
        bystander.retire(APP, &[head], &[]),
        bystander.pin(APP, "kept", None),
        bystander.clear_all_revisions(APP),
    ] {
        assert!(
            matches!(refused, Err(StoreError::Locked { .. })),
            "{refused:?}"
        );
    }
    let catalogue = bystander.catalogue(APP).unwrap();
    assert_eq!(names(&catalogue), [head]);
    assert_eq!(catalogue.pins, [("kept".to_string(), head)]);
}

fn retire_and_pin(make: Make<'_>) {
    let store = make();
    acquire(&store, "a");
    let all: Vec<Revision> = (1..=4).map(|epoch| revision(1, epoch)).collect();
    for (i, r) in all.iter().enumerate() {
        for number in 0..2 {
            let bytes = format!("{r} {number}");
            let name = chunk(1, r.epoch, number);
            store.put_chunk(APP, name, bytes.as_bytes()).unwrap();
        }
        let parent = i.checked_sub(1).map(|i| all[i]);
        store.commit(APP, &commit(*r, parent, b"m")).unwrap();
    }
    assert_eq!(store.pin(APP, "b", Some(all[3])), Ok(()));
    assert_eq!(store.pin(APP, "a", Some(all[3])), Ok(()));
    assert_eq!(store.pin(APP, "b", Some(all[1])), Ok(()));
    let pins = [("a".to_string(), all[3]), ("b".to_string(), all[1])];
    assert_eq!(make().catalogue(APP).unwrap().pins, pins);

    let refused = [
        store.retire(APP, &[all[0], all[3]], &[chunk(1, 1, 0)]),
        store.retire(APP, &[all[0], all[1]], &[chunk(1, 1, 0)]),
        store.pin(APP, "c", Some(revision(1, 9))),
        store.pin(APP, "a b", Some(all[3])),
        store.pin(APP, "", None),
    ];
    for answer in refused {
        assert!(matches!(answer, Err(StoreError::Name { .. })), "{answer:?}");
    }
    assert_eq!(names(&store.catalogue(APP).unwrap()), all);
    assert!(store.get_chunk(APP, chunk(1, 1, 0)).unwrap().is_some());

    // one of two chunks goes, the other is still needed
    assert_eq!(store.retire(APP, &[all[0]], &[chunk(1, 1, 0)]), Ok(()));
    for reader in [&store, &make()] {
        assert_eq!(names(&reader.catalogue(APP).unwrap()), all[1..]);
        assert_eq!(reader.manifest(APP, all[0]), Ok(None));
        assert_eq!(reader.get_chunk(APP, chunk(1, 1, 0)), Ok(None));
        let other = reader.get_chunk(APP, chunk(1, 1, 1));
        assert_eq!(other, Ok(Some(b"1-1 1".to_vec())));
        assert_eq!(reader.chunks(APP).unwrap().len(), 7);
    }
    // again, and what is not there is passed over
    let names_again = [all[0], revision(7, 7)];
    let chunks_again = [chunk(1, 1, 0), chunk(1, 1, 1), chunk(7, 7, 7)];
    assert_eq!(store.retire(APP, &names_again, &chunks_again), Ok(()));
    assert_eq!(make().chunks(APP).unwrap().len(), 6);
    // chunks of a revision that stays
    let of_pinned = [chunk(1, 2, 0), chunk(1, 2, 1)];
    assert_eq!(store.retire(APP, &[], &of_pinned), Ok(()));
    assert_eq!(make().manifest(APP, all[1]), Ok(Some(b"m".to_vec())));
    assert_eq!(store.pin(APP, "b", None), Ok(()));
    assert_eq!(store.retire(APP, &all[1..3], &[]), Ok(()));
    assert_eq!(names(&make().catalogue(APP).unwrap()), all[3..]);
    assert_eq!(make().chunks(APP).unwrap().len(), 4);
}

fn clear(make: Make<'_>) {
    let store = make();
    acquire(&store, "a");
    let head = revision(1, 3);
    store.put_chunk(APP, chunk(1, 3, 0), b"chunk").unwrap();
    store.commit(APP, &commit(head, None, b"m")).unwrap();
    store.save(APP, revision(1, 4), b"whole").unwrap();
    store.put_chunk(APP, chunk(1, 5, 0), b"orphan").unwrap();
    store.pin(APP, "kept", Some(head)).unwrap();
    assert_eq!(store.clear_all_revisions(APP), Ok(()));
    let cleared = Catalogue {
        generation: 1,
        ..Catalogue::default()
    };
    assert_eq!(make().catalogue(APP), Ok(cleared));
    assert_eq!(make().chunks(APP), Ok(vec![]));
    assert_eq!(make().get_chunk(APP, chunk(1, 3, 0)), Ok(None));
    assert_eq!(make().load(APP, revision(1, 4)), Ok(None));
    let next = commit(revision(1, 6), None, b"m");
    assert_eq!(store.commit(APP, &next), Ok(Committed::Done));
    store.release(APP, 1).unwrap();
    assert_eq!(make().clear_all_revisions(APP), Ok(()));
    let claim = acquire(&make(), "b");
    assert_eq!((claim.generation, claim.last_epoch), (2, 6));
}

fn hostile_names(make: Make<'_>) {
    let store = make();
    let long = "x".repeat(201);
    let bad = [
        "", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a b", "a\0b", "a\nb", "ä", "a:b", &long,
    ];
    for app in bad {
        let all = [
            store.save(app, revision(1, 1), b"x"),
            store.load(app, revision(1, 1)).map(drop),
            store.last_revision(app).map(drop),
            store.clear_all_revisions(app),
            store.acquire(app, &owner("a")).map(drop),
            store.release(app, 1),
            store.put_chunk(app, chunk(1, 1, 0), b"x"),
            store.get_chunk(app, chunk(1, 1, 0)).map(drop),
            store
                .commit(app, &commit(revision(1, 1), None, b"m"))
                .map(drop),
            store.manifest(app, revision(1, 1)).map(drop),
            store.catalogue(app).map(drop),
            store.chunks(app).map(drop),
            store.retire(app, &[], &[]),
            store.pin(app, "a", None),
        ];
        for answer in all {
            assert!(
                matches!(&answer, Err(StoreError::Name { name, .. }) if name == app),
                "{app:?}: {answer:?}"
            );
        }
    }
    let fine = ["a", "A-b_c.d", "9", &long[..200]];
    for app in fine {
        assert_eq!(store.acquire(app, &owner("a")).map(|c| c.generation), Ok(1));
    }
    assert_eq!(store.apps().unwrap().len(), fine.len());
}
