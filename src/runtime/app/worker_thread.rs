//! A pinned worker: one thread, one core, one share of the app.

use crate::runtime::barrier::WorkerSlot;
use crate::runtime::lane::park::Parker;
use crate::runtime::lane::wait::Idle;
use crate::runtime::shared::Shared;
use crate::runtime::worker::core::capture::Drained;
use crate::runtime::worker::core::{Core, Progress};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Starts a worker on a core; an impossible core leaves it unpinned.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    worker: usize,
    slot: WorkerSlot,
    parker: Parker,
    core: Option<usize>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(format!("eventflux-{worker}"))
        .spawn(move || {
            if let Some(id) = core {
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            shared.set_worker_thread();
            let run = AssertUnwindSafe(|| run(&shared, worker, &slot, parker));
            if let Err(payload) = catch_unwind(run) {
                shared.set_poison(worker, payload.as_ref());
            }
        })
}

/// Steps until the app stops and all lanes are drained. A cut comes in front of a step: what an owner of the barrier's
/// lock has changed since it was asked for, no row has met yet.
fn run(shared: &Shared, worker: usize, slot: &WorkerSlot, parker: Parker) {
    let cell = &shared.cells[worker];
    let mut idle = Idle::new(shared.config.wait, parker);
    loop {
        // Read before the step: what was sent before the stop is seen by a step that begins after it.
        let stopped = shared.is_stopped();
        let (progress, due) = {
            let guard = slot.enter();
            cell.with_entered(&guard, |core| {
                shared.cut_if_asked(worker, &guard, core);
                let progress = core.step(stopped);
                (drain(core, progress), core.due_in_us())
            })
        };
        match progress {
            Progress::Worked => idle.reset(),
            Progress::Idle if stopped => return,
            Progress::Blocked if shared.poison().is_some() => return,
            Progress::Blocked => std::thread::yield_now(),
            Progress::Idle => idle.wait(due.map(Duration::from_micros), || {
                let guard = slot.enter();
                let ready = |core: &mut Core| core.has_input() || core.is_draining();
                let asked = shared.is_stopped() || shared.cuts.is_called(worker);
                asked || cell.with_entered(&guard, ready)
            }),
        }
    }
}

/// Encodes a slice of what a cut left, after each step.
#[inline]
fn drain(core: &mut Core, progress: Progress) -> Progress {
    if !core.is_draining() {
        return progress;
    }
    match (core.drain(), progress) {
        (Drained::More | Drained::Complete, Progress::Idle) => Progress::Worked,
        (_, progress) => progress,
    }
}
