//! Who keeps state, and who visits it.
//!
//! Why: tracking, capturing, settling and loading all go through the same containers; a holder names them once, in one
//! function, so that what is stored and what is read back cannot differ.

use super::Slot;
use super::marks::Marks;
use super::reader::Reader;
use super::section::{Malformed, Slots};
use crate::event::{Str, Timestamp};
use std::collections::VecDeque;
use std::ops::Range;

/// Something that remembers: it lists its containers and registers.
///
/// The list is the same each time, in number and order, except that panes come and go. When the visitor is loading,
/// each call fills what it names; after its last call the holder rebuilds what it derives from it, and answers
/// nonsense with [`Visitor::fail`].
pub trait StateHolder {
    /// Lists everything that must survive.
    fn state(&mut self, visitor: &mut dyn Visitor);
}

/// Visits what a holder keeps.
pub trait Visitor {
    /// A container. `name` says what it is for, in messages.
    fn container(&mut self, name: &'static str, container: &mut dyn Container);

    /// A scalar that is stored whole with every checkpoint: keep it small.
    fn register(&mut self, register: &mut dyn Register);

    /// A container that revisions lack which were written before it existed: there it stays empty. Behind all others of
    /// its holder.
    fn newer_container(&mut self, name: &'static str, container: &mut dyn Container) {
        self.container(name, container);
    }

    /// A register that revisions lack which were written before it existed: there it keeps its value. Behind all others
    /// of its operator.
    fn newer_register(&mut self, register: &mut dyn Register) {
        self.register(register);
    }

    /// Containers from here on belong to a pane that begins at this time, until the next call;
    /// [`Path::NO_PANE`](super::Path::NO_PANE) ends it. Times are in microseconds.
    fn pane(&mut self, start: i64);

    /// Containers from here on belong to this part of the holder, until the next call; an empty name ends it. For
    /// messages.
    fn part(&mut self, _name: &'static str, _number: usize) {}

    /// Whether tracking begins or ends with this visit; a holder then has panes that are new tracked too, or not.
    fn tracks(&self) -> Option<bool> {
        None
    }

    /// Whether only names and layouts are asked for: of panes, then, those of any one.
    fn describes(&self) -> bool {
        false
    }

    /// Whether state is being put in, not taken out.
    fn is_loading(&self) -> bool {
        false
    }

    /// What was loaded makes no sense.
    fn fail(&mut self, _why: Malformed) {}
}

/// Visits a part of a holder that revisions lack which were written before it existed. Behind all its others.
pub(crate) struct Newer<'a>(pub(crate) &'a mut dyn Visitor);

impl Visitor for Newer<'_> {
    fn container(&mut self, name: &'static str, container: &mut dyn Container) {
        self.0.newer_container(name, container);
    }
    fn register(&mut self, register: &mut dyn Register) {
        self.0.newer_register(register);
    }
    fn pane(&mut self, start: i64) {
        self.0.pane(start);
    }
    fn part(&mut self, name: &'static str, number: usize) {
        self.0.part(name, number);
    }
    fn tracks(&self) -> Option<bool> {
        self.0.tracks()
    }
    fn describes(&self) -> bool {
        self.0.describes()
    }
    fn is_loading(&self) -> bool {
        self.0.is_loading()
    }
    fn fail(&mut self, why: Malformed) {
        self.0.fail(why);
    }
}

/// A scalar of a holder.
pub trait Register {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it back.
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed>;
}

/// Where registers are read from.
#[derive(Debug)]
pub struct RegisterReader<'a>(pub(crate) Reader<'a>);

/// Slots of one kind. Implemented by the containers of this crate; holders are made of them.
pub trait Container: private::Slotted {}
impl<T: private::Slotted> Container for T {}

/// Keeps the calls below inside the crate.
pub(crate) mod private {
    use super::{Malformed, Marks, Range, Reader, Slot, Slots};

    /// How a container is captured and filled.
    pub trait Slotted {
        /// Names the encoding of a slot; another encoding has another name.
        fn layout(&self) -> String;
        /// Number of slots.
        fn slots(&self) -> usize;
        /// Encoded size of a slot, about.
        fn slot_bytes(&self) -> usize;
        fn marks(&mut self) -> &mut Marks;
        /// Appends the payload of a run of slots.
        fn encode_run(&self, run: Range<Slot>, out: &mut Vec<u8>);
        /// Appends the payload of some slots.
        fn encode_list(&self, slots: &[Slot], out: &mut Vec<u8>);
        /// Number of values handed over because their slots were about to change.
        fn handed_over(&self) -> usize;
        /// The slots of up to `max` values handed over; [`Slotted::encode_handed_over`] must follow.
        fn handed_over_slots(&self, max: usize, slots: &mut Vec<Slot>);
        /// Appends the payload of the last `count` values handed over and drops them.
        fn encode_handed_over(&mut self, count: usize, out: &mut Vec<u8>);
        /// Drops all values handed over.
        fn drop_handed_over(&mut self);
        /// Empties it and gives it this many slots of default values.
        fn reset_to(&mut self, slots: usize);
        /// Writes slots, all of them below `slots()`; extra bytes are an error.
        fn decode(&mut self, slots: &Slots<'_>, payload: Reader<'_>) -> Result<(), Malformed>;
    }
}

macro_rules! word_registers {
    ($($ty:ty: $to:expr, $from:expr;)*) => {$(
        impl Register for $ty {
            fn put(&self, out: &mut Vec<u8>) {
                let to: fn(&$ty) -> u64 = $to;
                out.extend_from_slice(&to(self).to_le_bytes());
            }
            fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
                let of: fn(u64) -> Option<$ty> = $from;
                *self = of(from.0.word()?).ok_or_else(|| Malformed::new("a register is out of range"))?;
                Ok(())
            }
        }
    )*};
}
word_registers! {
    u64: |x| *x, Some;
    u32: |x| u64::from(*x), |w| u32::try_from(w).ok();
    usize: |x| *x as u64, |w| usize::try_from(w).ok();
    i64: |x| *x as u64, |w| Some(w as i64);
    bool: |x| u64::from(*x), |w| (w <= 1).then_some(w == 1);
    Timestamp: |x| x.0 as u64, |w| Some(Timestamp(w as i64));
}

impl Register for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        let mut len = 0usize;
        len.get(from)?;
        let text = std::str::from_utf8(from.0.bytes(len)?);
        *self = text
            .map_err(|_| Malformed::new("a text is not UTF-8"))?
            .to_string();
        Ok(())
    }
}

impl Register for Str {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        let mut text = String::new();
        text.get(from)?;
        *self = Str::from(text);
        Ok(())
    }
}

impl<T: Register + Default> Register for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        let mut is = false;
        is.get(from)?;
        *self = is.then(T::default);
        self.as_mut().map_or(Ok(()), |value| value.get(from))
    }
}

impl<T: Register + Default> Register for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|value| value.put(out));
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        let mut len = 0usize;
        len.get(from)?;
        self.clear();
        // Not reserved: the length may be a lie, and then the bytes end first.
        for _ in 0..len {
            let mut value = T::default();
            value.get(from)?;
            self.push(value);
        }
        Ok(())
    }
}

impl<T: Register + Default> Register for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|value| value.put(out));
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        let mut values = Vec::new();
        values.get(from)?;
        *self = values.into();
        Ok(())
    }
}

impl<A: Register, B: Register> Register for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        self.0.get(from)?;
        self.1.get(from)
    }
}
