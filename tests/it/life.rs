//! An app that crashes and comes back, several times, over one store.
//!
//! How: what came out is a positioned output, so a restore takes back what came after the checkpoint, as it would with
//! a file that is truncated; the rows after the input's position are sent again. So the whole output at the end must
//! be that of a run that never crashed, wherever the checkpoint found the rows.

use crate::app::{Collected, Outputs, Setup, Step, take_step};
use eventflux::store::MemoryStore;
use eventflux::{EventFluxAppRuntime, EventFluxManager, Input};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What happens between two steps of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A checkpoint, when all rows sent so far have been processed.
    Persist,
    /// A checkpoint while rows may still wait in lanes.
    PersistAtOnce,
    /// The app goes down; another one goes on from the last revision.
    Crash,
}

/// How long a worker may take for the rows of a few steps before that is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// What does not change from life to life.
pub struct World<'a> {
    /// Makes a manager with the functions of the app.
    pub manager: &'a dyn Fn() -> EventFluxManager,
    pub app: &'a str,
    pub steps: &'a [Step],
    /// Of each life in turn, from the first again after the last.
    pub setups: &'a [Setup],
}

/// An app from its start or a restore to its end.
struct Life {
    runtime: EventFluxAppRuntime,
    input: Input,
    /// The next step, and how many rows have been sent of it and before it.
    next: usize,
    sent: u64,
}

impl World<'_> {
    /// What comes out in all lives together; `fates`: before which step something happens, in that order.
    pub fn run(&self, fates: &[(usize, Fate)]) -> Result<Outputs, String> {
        let (store, collected) = (MemoryStore::new(), Arc::new(Collected::default()));
        let mut lives = 0;
        let mut durable = false;
        let mut life = self.begin(&store, &collected, lives, durable)?;
        for (step, fate) in fates {
            life.go_on(self.steps, *step);
            match fate {
                Fate::Crash => {
                    life.end()?;
                    lives += 1;
                    life = self.begin(&store, &collected, lives, durable)?;
                }
                Fate::Persist | Fate::PersistAtOnce => {
                    if *fate == Fate::Persist {
                        life.settle()?;
                    }
                    life.runtime
                        .persist()
                        .map_err(|e| format!("persist: {e}"))?;
                    durable = true;
                }
            }
        }
        life.go_on(self.steps, self.steps.len());
        life.end()?;
        Ok(collected.take())
    }

    fn begin(
        &self,
        store: &MemoryStore,
        collected: &Arc<Collected>,
        number: usize,
        durable: bool,
    ) -> Result<Life, String> {
        let mut manager = (self.manager)();
        manager.set_persistence_store(Arc::new(store.clone()));
        let setup = self.setups[number % self.setups.len()];
        let app = format!("@app:name('lives') {}", self.app);
        let built = manager.create_with(&app, setup.config());
        let runtime = built.map_err(|e| format!("build: {e}"))?;
        collected.attach(&runtime);
        let service = runtime.snapshot_service().expect("there is a store");
        service.add_output("collected", Arc::clone(collected) as Arc<_>);
        let mut position = 0;
        if durable {
            let report = runtime.restore_last_revision();
            let report = report.map_err(|e| format!("restore on {setup:?}: {e}"))?;
            position = report.inputs.first().map_or(0, |point| point.next - 1);
        } else {
            collected.take();
        }
        runtime.start().map_err(|e| format!("start: {e}"))?;
        let input = runtime.open_input("timeline");
        let input = input.map_err(|e| format!("open: {e}"))?;
        if input.position() != position {
            let found = input.position();
            return Err(format!("the input is at {found}, the report at {position}"));
        }
        Ok(Life {
            runtime,
            input,
            next: self.step_after(position),
            sent: position,
        })
    }

    /// The step behind row number `position`, or the one that it is part of while rows of that follow.
    fn step_after(&self, position: u64) -> usize {
        let mut rows = 0;
        if position == 0 {
            return 0;
        }
        for (number, step) in self.steps.iter().enumerate() {
            rows += step.rows();
            if rows >= position {
                return if rows == position { number + 1 } else { number };
            }
        }
        self.steps.len()
    }
}

impl Life {
    /// Takes the steps before `end` that have not been taken.
    fn go_on(&mut self, steps: &[Step], end: usize) {
        while self.next < end {
            let before: u64 = steps[..self.next].iter().map(Step::rows).sum();
            let skipped = (self.sent - before) as usize;
            let step = &steps[self.next];
            take_step(&self.runtime, &mut self.input, step, skipped);
            self.sent = before + step.rows();
            self.next += 1;
        }
    }

    /// Waits until every row that was sent has been processed.
    fn settle(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let points = self.runtime.positions().map_err(|e| e.to_string())?;
            if points.iter().all(|point| point.next > self.sent) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} rows are not processed: {points:?}", self.sent));
            }
            std::thread::yield_now();
        }
    }

    fn end(self) -> Result<(), String> {
        drop(self.input);
        self.runtime
            .shutdown()
            .map_err(|e| format!("shutdown: {e}"))
    }
}
