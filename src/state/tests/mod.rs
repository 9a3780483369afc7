//! Containers against models: random changes, cuts at random moments, drained in slices between further changes, some
//! epochs failing, some parts captured whole; what is loaded from the committed sections is what was there at the cut.

mod cells;
mod chains;
mod hostile;
mod key_index;
mod ordered;
mod row_log;
mod sorted;

use super::*;
pub(super) use eventflux_kit::Random;
use std::fmt::Debug;
use std::ops::Range;

/// Mostly short, at times long.
pub(super) fn text(random: &mut Random) -> String {
    let long = if random.once_in(4) { 40 } else { 3 };
    let len = random.below(long);
    "é".repeat(len) + &random.below(1000).to_string()
}

/// A container and what it should hold.
pub(super) trait Subject {
    type Contents: Clone + PartialEq + Debug;

    /// One of the same types without contents.
    fn empty(&self) -> Self;
    fn holder(&mut self) -> &mut dyn StateHolder;
    /// Changes container and model alike.
    fn change(&mut self, random: &mut Random);
    /// Forgets everything, where that is one call.
    fn clear(&mut self) {}
    fn model(&mut self) -> &mut Self::Contents;
    /// What the container holds.
    fn contents(&self) -> Self::Contents;
    /// What must be true of it beside that.
    fn check(&mut self) {}
}

/// Sections of committed epochs, and the number of slots at the last of them.
#[derive(Default)]
pub(super) struct Committed {
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) slots: Vec<(Path, u32)>,
}

impl Committed {
    pub(super) fn stored(&self) -> Result<Stored<'_>, Malformed> {
        let mut stored = Stored::default();
        for (path, slots) in &self.slots {
            stored.containers.entry(*path).or_default().slots = *slots;
        }
        for section in self.chunks.iter().flat_map(|chunk| sections(chunk)) {
            let section = section?;
            let path = section.path;
            if section.kind == SectionKind::Registers {
                let at = (path.instance, path.node);
                stored.registers.insert(at, section.payload);
            } else {
                let to = stored.containers.entry(path).or_default();
                to.sections.push(section);
            }
        }
        Ok(stored)
    }

    /// A container of the committed contents.
    pub(super) fn load<S: Subject>(&self, like: &S) -> Result<S, Malformed> {
        let stored = self.stored()?;
        let mut loaded = like.empty();
        let mut load = Load::new(INSTANCE, NODE, &stored);
        loaded.holder().state(&mut load);
        load.end()?;
        *loaded.model() = loaded.contents();
        Ok(loaded)
    }
}

pub(super) const INSTANCE: u32 = 3;
pub(super) const NODE: u16 = 5;

/// Takes note of how many slots containers have.
#[derive(Default)]
struct Sizes(Vec<usize>);

impl Visitor for Sizes {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        self.0.push(container.slots());
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, _start: i64) {}
}

/// Ranges of some containers, to be captured whole.
fn some_ranges<S: Subject>(subject: &mut S, random: &mut Random) -> Rebase {
    let mut sizes = Sizes::default();
    subject.holder().state(&mut sizes);
    let mut rebase = Rebase::new();
    for (container, size) in sizes.0.into_iter().enumerate() {
        if random.once_in(2) {
            continue;
        }
        let path = Path {
            instance: INSTANCE,
            node: NODE,
            container: container as u16,
            pane: Path::NO_PANE,
        };
        let from = random.below(size as u64 + 1) as u32;
        let to = from + random.below(u64::from(size as u32 - from) + 1) as u32;
        rebase.insert(path, std::iter::once(from..to).collect());
    }
    rebase
}

/// One epoch without changes between.
pub(super) fn capture(holder: &mut dyn StateHolder) -> Committed {
    let mut record = CutRecord::default();
    let rebase = Rebase::new();
    let mut cut = Cut::new(INSTANCE, NODE, &rebase, false, &mut record);
    holder.state(&mut cut);
    cut.end();
    let mut chunk = record.sections;
    let mut drain = Drain::new(INSTANCE, NODE, usize::MAX, &mut chunk);
    holder.state(&mut drain);
    assert!(drain.complete);
    holder.state(&mut Settle { committed: true });
    let containers = record.containers.iter();
    Committed {
        chunks: vec![chunk],
        slots: containers.map(|c| (c.path, c.slots)).collect(),
    }
}

/// The sections of an epoch, and the slots of its containers.
type Captured = (Vec<u8>, Vec<(Path, u32)>);

/// One epoch. `None` when it failed: then nothing of it is kept.
pub(super) fn epoch<S: Subject>(
    subject: &mut S,
    random: &mut Random,
    fails: bool,
) -> Option<Captured> {
    let rebase = some_ranges(subject, random);
    let mut record = CutRecord::default();
    let mut cut = Cut::new(INSTANCE, NODE, &rebase, false, &mut record);
    subject.holder().state(&mut cut);
    cut.end();
    let mut chunk = record.sections;
    loop {
        let mut drain = Drain::new(INSTANCE, NODE, 1, &mut chunk);
        subject.holder().state(&mut drain);
        if drain.complete || (fails && random.once_in(4)) {
            break;
        }
        for _ in 0..random.below(6) {
            subject.change(random);
        }
        if random.once_in(40) {
            subject.clear();
        }
    }
    let committed = !fails;
    subject.holder().state(&mut Settle { committed });
    let containers = record.containers.iter();
    committed.then(|| (chunk, containers.map(|c| (c.path, c.slots)).collect()))
}

pub(super) fn check<S: Subject>(subject: &mut S, what: &str) {
    assert_eq!(subject.contents(), *subject.model(), "{what}");
    subject.check();
}

/// Drives a container from many seeds.
pub(super) fn drive<S: Subject>(make: impl Fn() -> S, seeds: Range<u64>) {
    for seed in seeds {
        let mut random = Random::new(seed);
        let mut subject = make();
        for _ in 0..random.below(400) {
            subject.change(&mut random);
        }
        subject.holder().state(&mut Track { committed: false });
        let mut committed = Committed::default();
        for number in 0..15 {
            let what = format!("seed {seed}, epoch {number}");
            // Few, so that a part is captured; many, so that all is.
            let most = if random.once_in(3) { 120 } else { 10 };
            for _ in 0..random.below(most) {
                subject.change(&mut random);
            }
            if random.once_in(20) {
                subject.clear();
            }
            check(&mut subject, &what);
            let want = subject.model().clone();
            let fails = random.once_in(3);
            let Some((chunk, slots)) = epoch(&mut subject, &mut random, fails) else {
                continue;
            };
            committed.chunks.push(chunk);
            committed.slots = slots;
            let mut loaded = committed.load(&subject).expect(&what);
            assert_eq!(*loaded.model(), want, "{what}");
            loaded.check();
            if random.once_in(4) {
                subject = loaded;
                subject.holder().state(&mut Track { committed: true });
            } else {
                for _ in 0..60 {
                    loaded.change(&mut random);
                }
                check(&mut loaded, &what);
            }
        }
    }
}
