//! The visitors: tracking, cutting, draining, settling, loading and describing the state of an operator.

use super::Slot;
use super::holder::{Container, Register, RegisterReader, Visitor};
use super::marks::{CutMarks, Marks};
use super::reader::Reader;
use super::section::{Malformed, Path, Section, SectionKind, SlotsOut, begin_section, end_section};
use std::collections::HashMap;
use std::ops::Range;

/// Slots of a delta section at most: some microseconds of work.
const LIST_SLOTS_MAX: usize = 256;

/// Slots of a base section at most, and about its bytes: some ten microseconds of work.
const RUN_SLOTS_MAX: usize = 4_096;
const RUN_BYTES: usize = 64 << 10;

/// Bytes of values handed over that are encoded at once, about.
const HANDED_OVER_BYTES: usize = 16 << 10;

/// A section with several slots has no more bytes than this: a chunk has room for sixteen of them.
const SECTION_BYTES_MAX: usize = 1 << 20;

/// Where a visit stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    path: Path,
}

impl Place {
    fn new(instance: u32, node: u16) -> Self {
        let path = Path {
            instance,
            node,
            container: 0,
            pane: Path::NO_PANE,
        };
        Place { path }
    }

    /// The path of the next container.
    fn next(&mut self) -> Path {
        let path = self.path;
        self.path.container += 1;
        path
    }

    fn pane(&mut self, start: i64) {
        self.path.pane = start;
        self.path.container = 0;
    }
}

/// Begins to track changes.
pub(crate) struct Track {
    /// What the containers hold is what the last committed revision holds.
    pub(crate) committed: bool,
}

impl Visitor for Track {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        let slots = container.slots();
        container.marks().track(slots, self.committed);
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, _start: i64) {}
    fn tracks(&self) -> Option<bool> {
        Some(true)
    }
}

/// Tracks no more.
pub(crate) struct Untrack;

impl Visitor for Untrack {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        container.drop_handed_over();
        *container.marks() = Marks::default();
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn tracks(&self) -> Option<bool> {
        Some(false)
    }
    fn pane(&mut self, _start: i64) {}
}

/// What a cut found in a container.
#[derive(Clone, Debug)]
pub(crate) struct ContainerCut {
    pub(crate) path: Path,
    pub(crate) slots: u32,
    pub(crate) slot_bytes: u32,
    pub(crate) marks: CutMarks,
}

/// What a cut found in the instances of a worker.
#[derive(Debug, Default)]
pub(crate) struct CutRecord {
    pub(crate) containers: Vec<ContainerCut>,
    /// Sections: the registers of all operators, and which containers were cleared.
    pub(crate) sections: Vec<u8>,
    /// Those of the operator at hand.
    registers: Vec<u8>,
}

/// Ranges of slots to be captured whole.
pub(crate) type Rebase = HashMap<Path, Vec<Range<Slot>>>;

/// Toggles all containers and copies all registers of one operator.
pub(crate) struct Cut<'a> {
    place: Place,
    rebase: &'a Rebase,
    whole: bool,
    committed: Option<bool>,
    record: &'a mut CutRecord,
}

impl<'a> Cut<'a> {
    /// `rebase`: ranges to be captured whole; `whole`: everything is.
    pub(crate) fn new(
        instance: u32,
        node: u16,
        rebase: &'a Rebase,
        whole: bool,
        record: &'a mut CutRecord,
    ) -> Self {
        Cut {
            place: Place::new(instance, node),
            rebase,
            whole,
            committed: None,
            record,
        }
    }

    /// The epoch before is durable, or it failed, which nobody has told the containers: as [`Settle`] does, but where
    /// each is visited anyway.
    pub(crate) fn behind(self, committed: Option<bool>) -> Self {
        Cut { committed, ..self }
    }

    /// Writes the registers down.
    pub(crate) fn end(self) {
        let (record, path) = (self.record, self.place.path);
        if record.registers.is_empty() {
            return;
        }
        let out = &mut record.sections;
        let path = Path {
            container: 0,
            pane: Path::NO_PANE,
            ..path
        };
        let start = begin_section(out, path, SectionKind::Registers, SlotsOut::Run(0..0));
        out.append(&mut record.registers);
        end_section(out, start);
    }
}

impl Visitor for Cut<'_> {
    fn container(&mut self, name: &'static str, container: &mut dyn Container) {
        if let Some(committed) = self.committed {
            Settle { committed }.container(name, container);
        }
        let path = self.place.next();
        let (slots, slot_bytes) = (container.slots(), container.slot_bytes());
        let rebase = self.rebase.get(&path).map_or(&[][..], Vec::as_slice);
        if self.whole {
            container.marks().require_whole();
        }
        let marks = container.marks().cut(slots, rebase);
        if marks.cleared {
            let out = &mut self.record.sections;
            let start = begin_section(out, path, SectionKind::Cleared, SlotsOut::Run(0..0));
            end_section(out, start);
        }
        self.record.containers.push(ContainerCut {
            path,
            slots: slots as u32,
            slot_bytes: slot_bytes as u32,
            marks,
        });
    }

    fn register(&mut self, register: &mut dyn Register) {
        register.put(&mut self.record.registers);
    }

    fn pane(&mut self, start: i64) {
        self.place.pane(start);
    }
}

/// Encodes what a cut left to be encoded of one operator.
pub(crate) struct Drain<'a> {
    place: Place,
    out: &'a mut Vec<u8>,
    /// Whether this visit may still encode a section.
    budget: usize,
    /// Whether nothing is left.
    pub(crate) complete: bool,
    slots: Vec<Slot>,
}

impl<'a> Drain<'a> {
    /// Encodes at most `budget` sections into `out`.
    pub(crate) fn new(instance: u32, node: u16, budget: usize, out: &'a mut Vec<u8>) -> Self {
        Drain {
            place: Place::new(instance, node),
            out,
            budget,
            complete: true,
            slots: Vec::new(),
        }
    }

    /// Encodes one section; false when nothing is left.
    fn section(&mut self, path: Path, container: &mut dyn Container) -> bool {
        self.slots.clear();
        let width = container.slot_bytes().max(1);
        container.handed_over_slots(
            (HANDED_OVER_BYTES / width).clamp(1, LIST_SLOTS_MAX),
            &mut self.slots,
        );
        if !self.slots.is_empty() {
            let slots = SlotsOut::List(&self.slots);
            let start = begin_section(self.out, path, SectionKind::Delta, slots);
            container.encode_handed_over(self.slots.len(), self.out);
            end_section(self.out, start);
            return true;
        }
        if !container.marks().is_capturing() {
            return false;
        }
        container
            .marks()
            .take_pending(LIST_SLOTS_MAX, &mut self.slots);
        let run_max = (RUN_BYTES / width).clamp(LIST_SLOTS_MAX, RUN_SLOTS_MAX);
        if !self.slots.is_empty() {
            list(path, container, &self.slots, self.out);
        } else if let Some(slots) = container.marks().take_run(run_max) {
            run(path, container, slots, self.out);
        }
        !container.marks().end_if_taken() || container.handed_over() > 0
    }
}

/// Encodes some slots; in several sections where long texts would make one too large for a chunk.
fn list(path: Path, container: &dyn Container, slots: &[Slot], out: &mut Vec<u8>) {
    let start = begin_section(out, path, SectionKind::Delta, SlotsOut::List(slots));
    container.encode_list(slots, out);
    if out.len() - start > SECTION_BYTES_MAX && slots.len() > 1 {
        out.truncate(start);
        let (first, second) = slots.split_at(slots.len() / 2);
        list(path, container, first, out);
        return list(path, container, second, out);
    }
    end_section(out, start);
}

/// As [`list`], a run of slots.
fn run(path: Path, container: &dyn Container, slots: Range<Slot>, out: &mut Vec<u8>) {
    let start = begin_section(out, path, SectionKind::Base, SlotsOut::Run(slots.clone()));
    container.encode_run(slots.clone(), out);
    if out.len() - start > SECTION_BYTES_MAX && slots.len() > 1 {
        out.truncate(start);
        let middle = slots.start + slots.len() as Slot / 2;
        run(path, container, slots.start..middle, out);
        return run(path, container, middle..slots.end, out);
    }
    end_section(out, start);
}

impl Visitor for Drain<'_> {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        let path = self.place.next();
        while self.budget > 0 {
            if !self.section(path, container) {
                // Its memory is given back here, not with all workers locked.
                container.drop_handed_over();
                return;
            }
            self.budget -= 1;
        }
        if container.marks().is_capturing() || container.handed_over() > 0 {
            self.complete = false;
        }
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, start: i64) {
        self.place.pane(start);
    }
}

/// The epoch of the last cut is durable, or it failed.
pub(crate) struct Settle {
    pub(crate) committed: bool,
}

impl Visitor for Settle {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        container.drop_handed_over();
        container.marks().settle(self.committed);
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, _start: i64) {}
}

/// What a revision holds of one container.
#[derive(Debug, Default)]
pub(crate) struct StoredContainer<'a> {
    /// Number of slots at the revision.
    pub(crate) slots: u32,
    /// In the order of epochs.
    pub(crate) sections: Vec<Section<'a>>,
}

/// What a revision holds of the state of operators.
#[derive(Debug, Default)]
pub(crate) struct Stored<'a> {
    pub(crate) containers: HashMap<Path, StoredContainer<'a>>,
    /// By instance and node.
    pub(crate) registers: HashMap<(u32, u16), &'a [u8]>,
}

/// Fills one operator.
pub(crate) struct Load<'a> {
    place: Place,
    stored: &'a Stored<'a>,
    registers: RegisterReader<'a>,
    fault: Option<Malformed>,
}

impl<'a> Load<'a> {
    /// Fills the operator from what an instance and node of that revision held.
    pub(crate) fn new(instance: u32, node: u16, stored: &'a Stored<'a>) -> Self {
        let registers = stored.registers.get(&(instance, node)).copied();
        Load {
            place: Place::new(instance, node),
            stored,
            registers: RegisterReader(Reader::new(registers.unwrap_or(&[]))),
            fault: None,
        }
    }

    /// Whether all went well.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        match self.fault {
            Some(fault) => Err(fault),
            None => self.registers.0.end(),
        }
    }
}

fn fill(
    stored: Option<&StoredContainer<'_>>,
    path: Path,
    container: &mut dyn Container,
) -> Result<(), Malformed> {
    let stored = stored.ok_or_else(|| Malformed::new(format!("nothing is stored for {path:?}")))?;
    container.reset_to(stored.slots as usize);
    // What stands before the last clearing is void, and may name slots that are gone.
    let cleared = |section: &Section<'_>| section.kind == SectionKind::Cleared;
    let from = stored.sections.iter().rposition(cleared).unwrap_or(0);
    for section in &stored.sections[from..] {
        match section.kind {
            SectionKind::Cleared | SectionKind::Registers => {}
            SectionKind::Base | SectionKind::Delta => {
                container.decode(&section.slots, Reader::new(section.payload))?;
            }
        }
    }
    Ok(())
}

impl Visitor for Load<'_> {
    fn container(&mut self, name: &'static str, container: &mut dyn Container) {
        let path = self.place.next();
        if self.fault.is_some() {
            // What follows is not read, but must not be half filled either.
            container.reset_to(0);
            return;
        }
        if let Err(fault) = fill(self.stored.containers.get(&path), path, container) {
            self.fail(Malformed::new(format!("{name}: {}", fault.0)));
        }
    }

    fn register(&mut self, register: &mut dyn Register) {
        if self.fault.is_none()
            && let Err(fault) = register.get(&mut self.registers)
        {
            self.fail(fault);
        }
    }

    fn newer_container(&mut self, name: &'static str, container: &mut dyn Container) {
        let before = self.place;
        let is_stored = self.stored.containers.contains_key(&self.place.next());
        if is_stored {
            self.place = before;
            return self.container(name, container);
        }
        container.reset_to(0);
    }

    fn newer_register(&mut self, register: &mut dyn Register) {
        if !self.registers.0.is_empty() {
            self.register(register);
        }
    }

    fn pane(&mut self, start: i64) {
        self.place.pane(start);
    }

    fn is_loading(&self) -> bool {
        self.fault.is_none()
    }

    fn fail(&mut self, why: Malformed) {
        self.fault.get_or_insert(why);
    }
}

/// Whether a capture of any container is not complete.
#[derive(Debug, Default)]
pub(crate) struct Capturing {
    pub(crate) any: bool,
}

impl Visitor for Capturing {
    fn container(&mut self, _name: &'static str, container: &mut dyn Container) {
        self.any |= container.marks().is_capturing() || container.handed_over() > 0;
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, _start: i64) {}
}

/// Tells which containers there are.
#[derive(Debug, Default)]
pub(crate) struct Describe {
    /// Name and layout of each container; of panes those of one.
    pub(crate) containers: Vec<(String, String)>,
    /// Places among them of those that older revisions lack.
    pub(crate) newer: Vec<usize>,
    part: String,
}

impl Visitor for Describe {
    fn container(&mut self, name: &'static str, container: &mut dyn Container) {
        let name = format!("{}{name}", self.part);
        self.containers.push((name, container.layout()));
    }
    fn newer_container(&mut self, name: &'static str, container: &mut dyn Container) {
        self.newer.push(self.containers.len());
        self.container(name, container);
    }
    fn register(&mut self, _register: &mut dyn Register) {}
    fn pane(&mut self, _start: i64) {}
    fn part(&mut self, name: &'static str, number: usize) {
        self.part = match name {
            "" => String::new(),
            name => format!("{name} {number}: "),
        };
    }
    fn describes(&self) -> bool {
        true
    }
}
