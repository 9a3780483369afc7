//! Operations that leave operands out where they are not needed: AND, OR, CASE, COALESCE.
//!
//! Why: `CASE WHEN n != 0 THEN x / n END` must not count a division by zero in the rows that it guards against.
//! How: operands that can fault, and the branches of CASE, run over a narrower view of the rows that need them.

use super::kernel::compare::{self, Comparison};
use super::kernel::logic::{self, Junction};
use super::kernel::{Operand, blank, choice, scatter, trim_mask};
use super::node::{Node, run_all};
use super::probe::Probe;
use super::program::View;
use crate::event::Column;

/// Rows of a view: their place in the view, and in its frame.
#[derive(Default)]
pub(super) struct Subset {
    place: Vec<u32>,
    position: Vec<u32>,
}

impl Subset {
    /// Takes the rows whose places have been written.
    fn locate(&mut self, view: &View<'_>) {
        self.position.clear();
        self.position
            .extend(self.place.iter().map(|&p| view.position(p as usize) as u32));
    }

    fn view<'a>(&'a self, view: &View<'a>) -> View<'a> {
        View {
            frame: view.frame,
            picks: Some(&self.position),
            len: self.place.len(),
        }
    }
}

/// AND, OR: an operand that can fault runs where the result is still open.
pub(super) fn junction(
    op: Junction,
    rest: &mut Subset,
    args: &mut [Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    args[0].run(view, faults);
    logic::assign(out, args[0].operand(view), view.len);
    for arg in &mut args[1..] {
        if !arg.fallible {
            arg.run(view, faults);
            logic::join(op, out, arg.operand(view), view.len);
            continue;
        }
        rest.place.clear();
        logic::undecided(op, out, &mut rest.place);
        rest.locate(view);
        let narrow = rest.view(view);
        arg.run(&narrow, faults);
        logic::join_at(op, out, arg.operand(&narrow), &rest.place);
    }
}

/// The first operand that is not NULL.
pub(super) fn coalesce(
    rest: &mut Subset,
    args: &mut [Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    args[0].run(view, faults);
    choice::assign(out, args[0].operand(view), view.len);
    for arg in &mut args[1..] {
        if out.valid().is_empty() {
            return;
        }
        rest.place.clear();
        for (i, ok) in out.valid().iter().enumerate() {
            if !ok {
                rest.place.push(i as u32);
            }
        }
        rest.locate(view);
        let narrow = rest.view(view);
        arg.run(&narrow, faults);
        scatter(out, arg.operand(&narrow), &rest.place);
        trim_mask(out);
    }
}

/// Scratch of a CASE.
pub(super) struct Case {
    pub(super) operand: bool,
    pub(super) otherwise: bool,
    pub(super) probe: Option<Probe>,
    pub(super) test: Column,
    pub(super) rest: Subset,
    pub(super) next: Subset,
    pub(super) taken: Subset,
}

impl Case {
    pub(super) fn run(
        &mut self,
        args: &mut [Node],
        view: &View<'_>,
        out: &mut Column,
        faults: &mut u64,
    ) {
        let (operand, branches) = args.split_at_mut(usize::from(self.operand));
        if let (Some(probe), [x]) = (&mut self.probe, operand) {
            x.run(view, faults);
            probe.read(x.operand(view), view.len);
        }
        if branches.iter().all(|a| !a.fallible) {
            run_all(branches, view, faults);
            return self.overwrite(args, view, out);
        }
        blank(out, view.len);
        self.rest.place.clear();
        self.rest.place.extend(0..view.len as u32);
        self.rest.locate(view);
        let (operand, args) = args.split_at_mut(usize::from(self.operand));
        let (branches, otherwise) = args.split_at_mut(args.len() - usize::from(self.otherwise));
        for (i, branch) in branches.chunks_exact_mut(2).enumerate() {
            let (when, then) = branch.split_at_mut(1);
            self.split(operand, i, &mut when[0], view, faults);
            self.taken.locate(view);
            put(&mut then[0], &self.taken, view, out, faults);
            std::mem::swap(&mut self.rest, &mut self.next);
            self.rest.locate(view);
        }
        if let [otherwise] = otherwise {
            put(otherwise, &self.rest, view, out, faults);
        }
        trim_mask(out);
    }

    /// Takes the branches from last to first over all rows: nothing can fault, so nothing needs to be left out.
    fn overwrite(&mut self, args: &[Node], view: &View<'_>, out: &mut Column) {
        let (operand, args) = args.split_at(usize::from(self.operand));
        let (branches, otherwise) = args.split_at(args.len() - usize::from(self.otherwise));
        match otherwise.first() {
            Some(otherwise) => choice::assign(out, otherwise.operand(view), view.len),
            None => blank(out, view.len),
        }
        for (i, branch) in branches.chunks_exact(2).enumerate().rev() {
            let mut test = branch[0].operand(view);
            if let (Some(probe), Some(x)) = (&self.probe, operand.first()) {
                let x = probe.of(x.operand(view), i);
                compare::apply(Comparison::Eq, x, test, view.len, &mut self.test);
                test = Operand::Column(&self.test);
            }
            choice::overwrite(out, test, branch[1].operand(view), view.len);
        }
        trim_mask(out);
    }

    /// Divides `rest` into `taken`, where the condition holds, and `next`.
    fn split(
        &mut self,
        operand: &[Node],
        i: usize,
        when: &mut Node,
        view: &View<'_>,
        faults: &mut u64,
    ) {
        let rest = self.rest.view(view);
        when.run(&rest, faults);
        let mut condition = when.operand(&rest);
        if let (Some(probe), Some(x)) = (&mut self.probe, operand.first()) {
            let x = probe.some_of(x.operand(view), i, &self.rest.place);
            compare::apply(Comparison::Eq, x, condition, rest.len, &mut self.test);
            condition = Operand::Column(&self.test);
        }
        self.taken.place.clear();
        self.next.place.clear();
        for (i, &place) in self.rest.place.iter().enumerate() {
            match logic::truth(condition, i).0 {
                true => self.taken.place.push(place),
                false => self.next.place.push(place),
            }
        }
    }
}

/// Computes a branch on its rows.
fn put(branch: &mut Node, rows: &Subset, view: &View<'_>, out: &mut Column, faults: &mut u64) {
    if rows.place.is_empty() {
        return;
    }
    let narrow = rows.view(view);
    branch.run(&narrow, faults);
    scatter(out, branch.operand(&narrow), &rows.place);
}
