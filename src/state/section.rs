//! Sections: how containers stand in chunks.
//!
//! A section is one container's slots, or a holder's registers: a header, the slots where they are not a run, and the
//! payload that the container wrote. All numbers are little-endian; the layout is part of the on-disk format.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | instance |
//! | 2 | node |
//! | 2 | container |
//! | 8 | pane |
//! | 1 | kind: 0 base, 1 delta, 2 cleared, 3 registers |
//! | 1 | 1 when the slots are a run |
//! | 4 | first slot of the run |
//! | 4 | number of slots |
//! | 4 | length of what follows: 4 bytes per slot unless they are a run, then the payload |

use super::Slot;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Where a container stands: which operator of which instance, which of its containers, and of which pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Path {
    /// Instance of a component.
    pub instance: u32,
    /// Operator within the instance.
    pub node: u16,
    /// Container within the operator, or within its pane.
    pub container: u16,
    /// Start of the pane in microseconds; [`Path::NO_PANE`] for containers of the operator itself.
    pub pane: i64,
}

impl Path {
    /// The pane of containers that belong to none.
    pub const NO_PANE: i64 = i64::MIN;
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.instance, self.node, self.container)?;
        match self.pane {
            Path::NO_PANE => Ok(()),
            pane => write!(f, "@{pane}"),
        }
    }
}

/// Bytes that do not have the form they should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed state: {0}")]
pub struct Malformed(pub(crate) String);

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Malformed(what.into())
    }
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// Slots of a part that is captured whole.
    Base,
    /// Slots written since the epoch before.
    Delta,
    /// Nothing: all that was captured of the container before is void.
    Cleared,
    /// The registers of an operator.
    Registers,
}

/// The slots of a section, in the order of its payload.
#[derive(Clone, Debug)]
pub enum Slots<'a> {
    Run(Range<Slot>),
    /// Little-endian numbers.
    List(&'a [u8]),
}

impl Slots<'_> {
    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Slots::Run(run) => run.len(),
            Slots::List(bytes) => bytes.len() / 4,
        }
    }

    /// The slot at a place.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Slot {
        match self {
            Slots::Run(run) => run.start + place as Slot,
            Slots::List(bytes) => {
                let at = place * 4;
                Slot::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
            }
        }
    }
}

/// A section as it stands in a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    pub(crate) path: Path,
    pub(crate) kind: SectionKind,
    pub(crate) slots: Slots<'a>,
    pub(crate) payload: &'a [u8],
}

const HEADER: usize = 30;

/// Begins a section at the end of `out`; [`end_section`] must follow. Returns where it begins.
pub(crate) fn begin_section(
    out: &mut Vec<u8>,
    path: Path,
    kind: SectionKind,
    slots: SlotsOut<'_>,
) -> usize {
    let start = out.len();
    out.extend_from_slice(&path.instance.to_le_bytes());
    out.extend_from_slice(&path.node.to_le_bytes());
    out.extend_from_slice(&path.container.to_le_bytes());
    out.extend_from_slice(&path.pane.to_le_bytes());
    let (run, first, count) = match &slots {
        SlotsOut::Run(run) => (1, run.start, run.len() as u32),
        SlotsOut::List(list) => (0, 0, list.len() as u32),
    };
    out.extend_from_slice(&[kind as u8, run]);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    if let SlotsOut::List(list) = slots {
        list.iter()
            .for_each(|slot| out.extend_from_slice(&slot.to_le_bytes()));
    }
    start
}

/// The slots of a section to be written.
#[derive(Clone, Debug)]
pub(crate) enum SlotsOut<'a> {
    Run(Range<Slot>),
    List(&'a [Slot]),
}

/// Ends the section that begins at `start`: all bytes behind its header are its own.
pub(crate) fn end_section(out: &mut [u8], start: usize) {
    let len = (out.len() - start - HEADER) as u32;
    out[start + HEADER - 4..start + HEADER].copy_from_slice(&len.to_le_bytes());
}

/// Reads the sections of a chunk in order; ends at the first malformed one with an error.
pub(crate) fn sections(chunk: &[u8]) -> impl Iterator<Item = Result<Section<'_>, Malformed>> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let section = read_section(&mut rest);
        if section.is_none() {
            rest = &[];
        }
        Some(section.ok_or_else(|| Malformed::new("a section's header does not fit its chunk")))
    })
}

/// Divides sections into groups of at most `max` bytes each, where no single one has more.
pub(crate) fn divide(sections: &[u8], max: usize) -> Vec<&[u8]> {
    let mut groups = Vec::new();
    let (mut rest, mut group) = (sections, sections);
    while !rest.is_empty() {
        let before = rest;
        if read_section(&mut rest).is_none() {
            break;
        }
        let with = group.len() - rest.len();
        let without = group.len() - before.len();
        if with > max && without > 0 {
            groups.push(&group[..without]);
            group = before;
        }
    }
    groups.push(group);
    groups
}

fn read_section<'a>(rest: &mut &'a [u8]) -> Option<Section<'a>> {
    fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
        let (head, tail) = rest.split_first_chunk::<N>()?;
        *rest = tail;
        Some(*head)
    }
    let path = Path {
        instance: u32::from_le_bytes(take(rest)?),
        node: u16::from_le_bytes(take(rest)?),
        container: u16::from_le_bytes(take(rest)?),
        pane: i64::from_le_bytes(take(rest)?),
    };
    let kind = match take::<1>(rest)?[0] {
        0 => SectionKind::Base,
        1 => SectionKind::Delta,
        2 => SectionKind::Cleared,
        3 => SectionKind::Registers,
        _ => return None,
    };
    let run = take::<1>(rest)?[0];
    let (first, count) = (
        u32::from_le_bytes(take(rest)?),
        u32::from_le_bytes(take(rest)?),
    );
    let len = u32::from_le_bytes(take(rest)?) as usize;
    let (body, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    let (slots, payload) = match run {
        1 => (Slots::Run(first..first.checked_add(count)?), body),
        0 => {
            let (slots, payload) = body.split_at_checked(count as usize * 4)?;
            (Slots::List(slots), payload)
        }
        _ => return None,
    };
    Some(Section {
        path,
        kind,
        slots,
        payload,
    })
}
