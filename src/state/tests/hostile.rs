//! Bytes that no container wrote: an error or a sound container, never a panic.

use super::cells::Values;
use super::key_index::{Indexed, KINDS};
use super::row_log::{Logs, SHAPES};
use super::sorted::{Entries, Sorted};
use super::*;
use crate::event::Str;

/// Loads what was made of committed sections; goes on with it if it is sound.
fn attempt<S: Subject>(hostile: &Committed, like: &S, random: &mut Random) -> bool {
    let Ok(mut loaded) = hostile.load(like) else {
        return false;
    };
    loaded.holder().state(&mut Track { committed: true });
    for _ in 0..20 {
        loaded.change(random);
    }
    check(&mut loaded, "what is loaded works");
    epoch(&mut loaded, random, false).expect("it commits");
    true
}

fn with_chunk(committed: &Committed, at: usize, chunk: Vec<u8>) -> Committed {
    let mut chunks = committed.chunks.clone();
    chunks[at] = chunk;
    Committed {
        chunks,
        slots: committed.slots.clone(),
    }
}

/// A byte, a bit, or eight bytes that are all one.
fn mutate(chunk: &mut [u8], random: &mut Random) {
    if chunk.is_empty() {
        return;
    }
    let at = random.below(chunk.len() as u64) as usize;
    match random.below(4) {
        0 => chunk[at] ^= 1 << random.below(8),
        1 => chunk[at] = random.bits() as u8,
        2 => {
            let value = if random.once_in(2) { 0xff } else { 0 };
            chunk.iter_mut().skip(at).take(8).for_each(|b| *b = value);
        }
        _ => {
            let from = random.below(chunk.len() as u64) as usize;
            let len = 8.min(chunk.len() - from.max(at));
            chunk.copy_within(from..from + len, at);
        }
    }
}

fn attack<S: Subject>(make: impl Fn() -> S) {
    for seed in 1..3 {
        let random = &mut Random::new(seed);
        let mut subject = make();
        subject.holder().state(&mut Track { committed: false });
        let mut committed = Committed::default();
        for _ in 0..2 {
            for _ in 0..25 * seed {
                subject.change(random);
            }
            let (chunk, slots) = epoch(&mut subject, random, false).expect("it commits");
            committed.chunks.push(chunk);
            committed.slots = slots;
        }
        assert!(attempt(&committed, &subject, random));
        for (at, chunk) in committed.chunks.iter().enumerate() {
            let step = 1 + chunk.len() / 40;
            for len in (0..chunk.len()).step_by(step) {
                let hostile = with_chunk(&committed, at, chunk[..len].to_vec());
                attempt(&hostile, &subject, random);
            }
            for _ in 0..70 {
                let mut chunk = chunk.clone();
                (0..=random.below(3)).for_each(|_| mutate(&mut chunk, random));
                attempt(&with_chunk(&committed, at, chunk), &subject, random);
            }
        }
        for _ in 0..30 {
            let mut hostile = with_chunk(&committed, 0, committed.chunks[0].clone());
            let at = random.below(hostile.slots.len() as u64) as usize;
            hostile.slots[at].1 = random.below(u64::from(hostile.slots[at].1) * 2 + 10) as u32;
            attempt(&hostile, &subject, random);
        }
    }
}

/// The same in the payloads alone: every truncation, with all headers right.
fn cut_short<S: Subject>(make: impl Fn() -> S) {
    let random = &mut Random::new(77);
    let mut subject = make();
    for _ in 0..60 {
        subject.change(random);
    }
    subject.holder().state(&mut Track { committed: false });
    let committed = capture(subject.holder());
    let stored = committed.stored().expect("it is sound");
    for (path, container) in &stored.containers {
        for (at, section) in container.sections.iter().enumerate() {
            let step = 1 + section.payload.len() / 120;
            for len in (0..section.payload.len()).step_by(step) {
                let mut hostile = committed.stored().expect("it is sound");
                let to = hostile.containers.get_mut(path).expect("it is there");
                to.sections[at].payload = &section.payload[..len];
                let mut load = Load::new(INSTANCE, NODE, &hostile);
                subject.empty().holder().state(&mut load);
                assert!(load.end().is_err(), "{path:?} cut to {len} bytes");
            }
        }
    }
}

fn both<S: Subject>(make: impl Fn() -> S) {
    attack(&make);
    cut_short(&make);
}

#[test]
fn hostile_cells() {
    both(Values::<Option<Str>>::default);
    both(Values::<f64>::default);
    both(Values::<Option<u32>>::default);
    both(Entries::default);
}

#[test]
fn hostile_sorted_values() {
    both(Sorted::<i64>::new);
    both(Sorted::<Str>::new);
}

#[test]
fn hostile_keys() {
    for types in KINDS {
        both(|| Indexed::new(types));
    }
}

#[test]
fn hostile_rows() {
    for types in SHAPES {
        both(|| Logs::new(types));
    }
}
