//! One checkpoint: cut, drain, chunks, commit.

use super::Inner;
use crate::checkpoint::{
    AppliedRecord, ChunkRecord, InputRecord, InstanceRecord, Manifest, OutputRecord, Parts,
    RAW_BYTES_MAX, seal, write_blob,
};
use crate::connector::PositionedOutput;
use crate::plan::GROUPS;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::barrier::{LOCK_WAIT, LockGuard, Patience};
use crate::runtime::checkpointing::error::CheckpointError;
use crate::runtime::checkpointing::head::{Claimed, Head, Kept};
use crate::runtime::lane::park::Waker;
use crate::runtime::position::input_position::InputPosition;
use crate::runtime::worker::core::Core;
use crate::runtime::worker::core::capture::{CoreCut, CutOrder, Piece};
use crate::runtime::worker::handler::HANDLERS;
use crate::state::{ContainerCut, Rebase, SectionKind, divide, sections};
use crate::store::{ChunkName, Commit, Digest, Revision, StoreError};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long to wait for workers that encode before looking at the time again.
const PATIENCE: Duration = Duration::from_millis(5);

/// What a cut found on all workers.
struct AppCut {
    at: Instant,
    created_ms: i64,
    cores: Vec<CoreCut>,
    inputs: Vec<InputPosition>,
    /// By name of the output.
    outputs: Positions,
}

impl AppCut {
    fn containers(&self) -> Vec<ContainerCut> {
        let all = self.cores.iter().flat_map(|c| &c.record.containers);
        all.cloned().collect()
    }

    /// Registers of all operators.
    fn sections(&self) -> Vec<u8> {
        self.cores
            .iter()
            .flat_map(|c| &c.record.sections)
            .copied()
            .collect()
    }

    fn is_unchanged(&self) -> bool {
        let mut all = self.cores.iter().flat_map(|c| &c.record.containers);
        all.all(|c| c.marks.unchanged)
    }

    /// The numbers of the last rows of all streams: in every group those of the worker that is furthest.
    fn numbers(&self) -> Vec<BTreeMap<u16, u64>> {
        let streams = self.cores.iter().map(|c| c.numbers.len()).max();
        let mut all = vec![BTreeMap::new(); streams.unwrap_or(0)];
        for (stream, numbers) in self.cores.iter().flat_map(|c| c.numbers.iter().enumerate()) {
            for (group, number) in numbers {
                let last: &mut u64 = all[stream].entry(*group).or_default();
                *last = number.max(last).to_owned();
            }
        }
        all
    }

    /// Everything that is compared to see whether anything changed beside containers.
    fn small(&self) -> Vec<u8> {
        let mut small = Vec::new();
        let all = self.sections();
        // A container that was cleared has changed by itself, and is no longer cleared at the next cut.
        let registers = sections(&all).flatten();
        for section in registers.filter(|s| s.kind == SectionKind::Registers) {
            small.extend_from_slice(format!("{:?}", section.path).as_bytes());
            small.extend_from_slice(section.payload);
        }
        let rest = (&self.inputs, &self.outputs, self.numbers());
        small.extend_from_slice(format!("{rest:?}").as_bytes());
        small.extend(self.cores.iter().flat_map(|c| c.now.0.to_le_bytes()));
        small
    }
}

/// What an epoch has stored so far.
struct Written {
    parts: Parts,
    generation: u64,
    number: u32,
    /// The chunks themselves, where the store takes whole revisions only.
    whole: Option<Vec<(ChunkRecord, Vec<u8>)>>,
    sealed: Vec<u8>,
    raw_bytes: u64,
    stored_bytes: u64,
    base_bytes: u64,
    delta_bytes: u64,
    dirty: u64,
    encode: Duration,
    upload: Duration,
    cut_at: Instant,
    /// When the last chunk was sealed; with none, when the last worker was done.
    sealed_at: Instant,
}

/// Where pieces arrive.
struct Arrivals {
    pieces: Receiver<Piece>,
    spare: Sender<Vec<u8>>,
}

impl Inner {
    /// Takes a checkpoint; returns the head when nothing has changed since.
    pub(super) fn epoch(&self, head: &mut Head) -> Result<Revision, CheckpointError> {
        if let Some(poison) = self.shared.poison() {
            return Err(CheckpointError::Poisoned(poison));
        }
        self.claim(head)?;
        // Epochs that fail one after the other must not fill the store.
        self.sweep(head);
        let epoch = head.epoch + 1;
        let full = !self.config.incremental || matches!(head.claimed, Claimed::Whole(_));
        let whole = head.whole || full;
        let rebase = Arc::new(match whole {
            true => Rebase::new(),
            false => head.parts.rebase(epoch),
        });
        let (sender, pieces) = bounded(self.config.staged_chunks_max);
        let (spare, spent) = unbounded();
        let arrivals = Arrivals { pieces, spare };
        let order = CutOrder {
            epoch,
            committed: head.unsettled,
            rebase: Arc::clone(&rebase),
            whole,
            pieces: sender,
            spare: spent,
        };
        let cut = self
            .cut(head, order)
            .map_err(|error| self.unless_urgent(epoch, error))?;
        head.unsettled = None;
        let small = cut.small();
        if let Some((revision, _)) = head
            .parent
            .filter(|_| !whole && cut.is_unchanged() && small == head.small)
        {
            // What was to be rebased is not: nothing was written, so nothing is lost with the capture.
            self.settle(head, false);
            self.metrics.lock().unchanged += 1;
            return Ok(revision);
        }
        head.epoch = epoch;
        let stored = self.store_cut(head, epoch, &cut, &rebase, &arrivals);
        drop(arrivals);
        match stored {
            Ok(revision) => {
                head.unsettled = Some(true);
                head.whole = false;
                head.small = small;
                self.committed(head, revision, cut.at);
                Ok(revision)
            }
            Err(error) => {
                // Its chunks are left over, and a commit may have been done all the same.
                head.doubt();
                self.settle(head, false);
                Err(error)
            }
        }
    }

    /// Captures everything: each worker its own share, between two of its steps.
    fn cut(&self, head: &mut Head, order: CutOrder) -> Result<AppCut, CheckpointError> {
        let outputs = self.outputs.lock();
        // Where an output stands is true of all workers at one moment only.
        let (mut cores, positions) = match self.drains_itself() || !outputs.is_empty() {
            true => self.cut_standing(&outputs, &order)?,
            false => (self.cut_by_workers(head, order)?, Vec::new()),
        };
        let at = Instant::now();
        let inputs = cores.iter_mut().flat_map(|c| std::mem::take(&mut c.inputs));
        let inputs: Vec<_> = inputs.collect();
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(AppCut {
            at,
            created_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            cores,
            inputs: self.shared.positions(inputs),
            outputs: positions,
        })
    }

    /// Stops all workers between two steps and cuts for them: nobody else does, or outputs say where they stand.
    fn cut_standing(
        &self,
        outputs: &[(String, Arc<dyn PositionedOutput>)],
        order: &CutOrder,
    ) -> Result<(Vec<CoreCut>, Positions), CheckpointError> {
        let asked = Instant::now();
        let guard = self.lock_unless_urgent()?;
        let locked = Instant::now();
        if self.shared.cells.iter().any(|cell| cell.is_torn(&guard)) {
            drop(guard);
            return Err(self.poisoned());
        }
        let positions = outputs.iter().map(|(name, output)| {
            let position = output.position().map_err(|reason| CheckpointError::Output {
                name: name.clone(),
                reason,
            });
            Ok((name.clone(), position?))
        });
        let positions = positions.collect::<Result<Vec<_>, CheckpointError>>()?;
        let cut =
            |cell: &BarrierCell<Core>| cell.with_locked(&guard, |core| core.cut(order.clone()));
        let cores = self.shared.cells.iter().map(cut).collect();
        drop(guard);
        self.wake_workers();
        let mut metrics = self.metrics.lock();
        metrics.align.add(locked - asked);
        metrics.pause.add(asked.elapsed());
        Ok((cores, positions))
    }

    /// Has all workers cut, and waits until they have. Where some do not come, those that did are told at the next cut
    /// that this one failed.
    fn cut_by_workers(
        &self,
        head: &mut Head,
        order: CutOrder,
    ) -> Result<Vec<CoreCut>, CheckpointError> {
        let asked = Instant::now();
        let cuts = &self.shared.cuts;
        let mut patience = Patience::default();
        while !cuts.call(|_| order.clone()) {
            if self.gives_up(asked) {
                return Err(stuck(Vec::new(), asked));
            }
            patience.wait();
        }
        drop(order);
        self.wake_workers();
        let waited = self.wait_for_cuts(asked);
        let dismissed = cuts.dismiss();
        // Whoever is not dismissed is at it, and done in microseconds.
        while cuts.is_waited_for() && !self.shared.is_poisoned() {
            patience.wait();
        }
        if self.shared.is_poisoned() {
            return Err(self.poisoned());
        }
        if !dismissed.is_empty() {
            head.unsettled = Some(false);
            return Err(waited.err().unwrap_or_else(|| stuck(dismissed, asked)));
        }
        let cores = cuts.answers();
        let mut metrics = self.metrics.lock();
        metrics.align.add(asked.elapsed());
        let pauses = cores.iter().map(|core| core.pause);
        metrics.pause.add(pauses.max().unwrap_or_default());
        Ok(cores)
    }

    /// Waits until every worker has cut, or no longer than that makes sense. Where workers have come to their end, it
    /// is done for them.
    fn wait_for_cuts(&self, asked: Instant) -> Result<(), CheckpointError> {
        let mut patience = Patience::default();
        while self.shared.cuts.is_waited_for() && !self.gives_up(asked) {
            if self.shared.is_poisoned() {
                return Err(self.poisoned());
            }
            if self.drains_itself() {
                // Whoever has the lock cuts for those that did not.
                drop(self.lock_unless_urgent()?);
            }
            patience.wait();
        }
        Ok(())
    }

    /// Whether workers are waited for no longer.
    fn gives_up(&self, asked: Instant) -> bool {
        self.is_urgent() || asked.elapsed() >= LOCK_WAIT
    }

    fn wake_workers(&self) {
        self.shared.wakers.iter().for_each(Waker::wake);
    }

    /// The panic that left a worker's state half changed. Whoever panicked is about to tell it, once the barrier is
    /// free.
    fn poisoned(&self) -> CheckpointError {
        let begun = Instant::now();
        let mut patience = Patience::default();
        loop {
            match self.shared.poison() {
                Some(poison) => return CheckpointError::Poisoned(poison),
                None if begun.elapsed() >= 2 * LOCK_WAIT => return CheckpointError::Stopped,
                None => patience.wait(),
            }
        }
    }

    /// Tells all workers how the epoch ended; where one of them is stuck, the next cut tells them.
    fn settle(&self, head: &mut Head, committed: bool) {
        let told = self.with_all_unless_urgent(|core| core.settle(committed));
        head.unsettled = told.is_err().then_some(committed);
    }

    /// Whether a thread that holds the barrier waits for this checkpoint to end.
    fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::SeqCst) > 0
    }

    /// The error, or that the epoch was given up: then that is its reason.
    fn unless_urgent(&self, epoch: u64, error: CheckpointError) -> CheckpointError {
        match self.is_urgent() {
            true => CheckpointError::Interrupted { epoch },
            false => error,
        }
    }

    fn lock_unless_urgent(&self) -> Result<LockGuard<'_>, CheckpointError> {
        Ok(self.shared.lock_unless(&|| self.is_urgent())?)
    }

    fn with_all_unless_urgent(&self, mut f: impl FnMut(&mut Core)) -> Result<(), CheckpointError> {
        let guard = self.lock_unless_urgent()?;
        let cells = self.shared.cells.iter();
        cells.for_each(|cell| cell.with_locked(&guard, &mut f));
        Ok(())
    }

    fn store_cut(
        &self,
        head: &mut Head,
        epoch: u64,
        cut: &AppCut,
        rebase: &Rebase,
        arrivals: &Arrivals,
    ) -> Result<Revision, CheckpointError> {
        let (generation, whole) = match head.claimed {
            Claimed::Whole(generation) => (generation, Some(Vec::new())),
            Claimed::Chunks(generation) => (generation, None),
            Claimed::No => (0, None),
        };
        let mut written = Written {
            parts: head.parts.cut(epoch, &cut.containers(), rebase),
            generation,
            number: 0,
            whole,
            sealed: Vec::new(),
            raw_bytes: 0,
            stored_bytes: 0,
            base_bytes: 0,
            delta_bytes: 0,
            dirty: 0,
            encode: Duration::ZERO,
            upload: Duration::ZERO,
            cut_at: cut.at,
            sealed_at: cut.at,
        };
        self.put(epoch, &cut.sections(), &mut written)?;
        self.receive(epoch, cut, arrivals, &mut written)?;
        self.metrics.lock().drain.add(cut.at.elapsed());
        self.flush(epoch, &mut written)?;
        for (name, output) in self.outputs.lock().iter() {
            output.sync().map_err(|reason| CheckpointError::Output {
                name: name.clone(),
                reason,
            })?;
        }
        written.parts.prune(epoch);
        let revision = Revision { generation, epoch };
        let manifest = self.manifest(head, revision, cut, &written);
        self.commit(head, manifest, written)?;
        Ok(revision)
    }

    /// Takes what the workers encode until all of them are done.
    fn receive(
        &self,
        epoch: u64,
        cut: &AppCut,
        arrivals: &Arrivals,
        written: &mut Written,
    ) -> Result<(), CheckpointError> {
        let mut left = cut.cores.len();
        while left > 0 {
            if self.is_urgent() {
                return Err(CheckpointError::Interrupted { epoch });
            }
            self.check_deadline(epoch, cut.at)?;
            let itself = self.drains_itself();
            let patience = if itself { Duration::ZERO } else { PATIENCE };
            match arrivals.pieces.recv_timeout(patience) {
                Ok(mut piece) if piece.epoch == epoch => {
                    self.put(epoch, &piece.bytes, written)?;
                    piece.bytes.clear();
                    left -= usize::from(piece.last);
                    // Nobody takes it when all are done.
                    let _ = arrivals.spare.send(piece.bytes);
                    continue;
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // The workers are gone with pieces unsent: a panic.
                    let poison = self.shared.poison();
                    return Err(poison.map_or(CheckpointError::Stopped, CheckpointError::Poisoned));
                }
            }
            if itself {
                let drained = self.drain_slice();
                drained.map_err(|error| self.unless_urgent(epoch, error))?;
            }
        }
        Ok(())
    }

    /// Waits until the store has all chunks of the epoch.
    fn flush(&self, epoch: u64, written: &mut Written) -> Result<(), CheckpointError> {
        let begun = Instant::now();
        if written.number == 0 {
            written.sealed_at = begun;
        } else if written.whole.is_none() {
            self.store.flush(&self.app)?;
            written.upload += begun.elapsed();
        }
        self.check_deadline(epoch, written.cut_at)
    }

    /// An epoch that takes too long is given up: rows that changed meanwhile wait for the next one.
    fn check_deadline(&self, epoch: u64, cut_at: Instant) -> Result<(), CheckpointError> {
        let waited = cut_at.elapsed();
        if waited > self.config.epoch_timeout {
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            return Err(CheckpointError::Timeout { epoch, waited_ms });
        }
        Ok(())
    }

    /// Whether no worker thread encodes: the app is inline, has not started, or its workers have ended.
    fn drains_itself(&self) -> bool {
        self.shared.inline.is_some() || !self.shared.is_running()
    }

    /// Encodes a little of every worker's state under the lock, and lets senders in again.
    fn drain_slice(&self) -> Result<(), CheckpointError> {
        self.with_all_unless_urgent(|core| {
            core.drain();
        })?;
        std::thread::yield_now();
        Ok(())
    }

    /// Seals and stores sections: one chunk, or several where values are large.
    fn put(
        &self,
        epoch: u64,
        sections: &[u8],
        written: &mut Written,
    ) -> Result<(), CheckpointError> {
        let groups = divide(sections, RAW_BYTES_MAX as usize).into_iter();
        let mut groups = groups.filter(|group| !group.is_empty());
        groups.try_for_each(|group| self.put_chunk(epoch, group, written))
    }

    fn put_chunk(
        &self,
        epoch: u64,
        raw: &[u8],
        written: &mut Written,
    ) -> Result<(), CheckpointError> {
        let name = ChunkName {
            generation: written.generation,
            epoch,
            number: written.number,
        };
        let damaged = |reason: String| CheckpointError::Damaged {
            revision: name.revision(),
            reason,
        };
        self.check_deadline(epoch, written.cut_at)?;
        let begun = Instant::now();
        let compression = self.config.compression;
        let record = seal(name, &self.app, raw, compression, &mut written.sealed);
        let record = record.map_err(|fault| damaged(fault.to_string()))?;
        let added = written.parts.add(record, raw);
        let added = added.map_err(|malformed| damaged(malformed.to_string()))?;
        let sealed = Instant::now();
        match &mut written.whole {
            Some(chunks) => chunks.push((record, written.sealed.clone())),
            None => self.store.put_chunk(&self.app, name, &written.sealed)?,
        }
        written.number += 1;
        written.raw_bytes += raw.len() as u64;
        written.stored_bytes += u64::from(record.stored);
        written.base_bytes += added.base_bytes;
        written.delta_bytes += added.delta_bytes;
        written.dirty += added.delta_slots;
        written.encode += sealed - begun;
        written.upload += sealed.elapsed();
        written.sealed_at = sealed;
        Ok(())
    }

    fn manifest(
        &self,
        head: &Head,
        revision: Revision,
        cut: &AppCut,
        written: &Written,
    ) -> Manifest {
        let schema = &self.schema;
        let mut instances = Vec::new();
        for (worker, core) in cut.cores.iter().enumerate() {
            instances.extend(core.instances.iter().map(|i| {
                InstanceRecord {
                    id: i.id,
                    keyed: self.shared.plan.components[i.component].is_keyed(),
                    groups: (i.groups.start, i.groups.end),
                    worker: worker as u16,
                    now_us: core.now.0,
                    stages: schema.nodes[i.component]
                        .iter()
                        .map(|(_, q, s)| (*q, *s))
                        .collect(),
                }
            }));
        }
        let next_instance = instances.iter().map(|i| i.id + 1).max().unwrap_or(0);
        let handlers = self.shared.handlers.lock();
        // Others may have come since the cut.
        let handlers = &handlers[..cut.cores.first().map_or(0, |core| core.handlers)];
        let mut queries = schema.queries.clone();
        if !handlers.is_empty() {
            let first = queries.len() as u32;
            queries.extend(handlers.iter().map(|h| h.record.clone()));
            for (worker, core) in cut.cores.iter().enumerate() {
                instances.push(InstanceRecord {
                    id: HANDLERS + worker as u32,
                    keyed: false,
                    groups: (0, GROUPS),
                    worker: worker as u16,
                    now_us: core.now.0,
                    stages: (0..handlers.len() as u32).map(|h| (first + h, 0)).collect(),
                });
            }
        }
        instances.sort_by_key(|i| i.id);
        Manifest {
            app: self.app.clone(),
            revision,
            parent: head.parent,
            created_ms: cut.created_ms,
            workers: cut.cores.len() as u16,
            queries,
            next_instance: next_instance.max(
                self.next_instance
                    .load(std::sync::atomic::Ordering::Relaxed),
            ),
            instances,
            containers: written.parts.container_records(),
            inputs: cut.inputs.iter().map(input_record).collect(),
            outputs: self.output_records(cut),
            positions: cut.outputs.clone(),
            chunks: written.parts.chunk_records(),
            raw_bytes: written.raw_bytes,
            stored_bytes: written.stored_bytes,
            base_bytes: written.base_bytes,
            delta_bytes: written.delta_bytes,
        }
    }

    fn output_records(&self, cut: &AppCut) -> Vec<OutputRecord> {
        let streams = self.shared.plan.streams.iter().zip(cut.numbers());
        let records = streams.map(|(stream, numbers)| OutputRecord {
            stream: stream.name.to_string(),
            numbers: numbers.into_iter().collect(),
        });
        records.filter(|r| !r.numbers.is_empty()).collect()
    }

    fn commit(
        &self,
        head: &mut Head,
        manifest: Manifest,
        written: Written,
    ) -> Result<(), CheckpointError> {
        let revision = manifest.revision;
        let encoded = manifest.encode();
        let (bytes, digest) = encoded.map_err(|fault| CheckpointError::Damaged {
            revision,
            reason: fault.to_string(),
        })?;
        let Written { parts, whole, .. } = written;
        match whole {
            Some(chunks) => self.save(&manifest, chunks)?,
            None => self.commit_head(head, revision, digest, &bytes)?,
        }
        let chunks = manifest.chunks.iter().map(|c| c.name).collect();
        head.kept.push(Kept { revision, chunks });
        head.parent = Some((revision, digest));
        let mut metrics = self.metrics.lock();
        metrics.commit.add(written.sealed_at.elapsed());
        metrics.encode.add(written.encode);
        metrics.upload.add(written.upload);
        metrics.raw_bytes += written.raw_bytes;
        metrics.stored_bytes += written.stored_bytes;
        metrics.base_bytes += written.base_bytes;
        metrics.delta_bytes += written.delta_bytes;
        metrics.dirty_entries = written.dirty;
        metrics.manifest_bytes = bytes.len() as u64;
        metrics.chunks = manifest.chunks.len() as u64;
        metrics.chain = parts.chain(revision.epoch);
        head.parts = parts;
        Ok(())
    }

    /// Makes the revision the head. A reply that was lost is answered by asking once more.
    fn commit_head(
        &self,
        head: &mut Head,
        revision: Revision,
        digest: Digest,
        manifest: &[u8],
    ) -> Result<(), CheckpointError> {
        let commit = Commit {
            revision,
            digest,
            parent: head.parent,
            manifest,
        };
        let first = self.store.commit(&self.app, &commit);
        let done = match first {
            Err(error) if error.is_transient() => self.store.commit(&self.app, &commit),
            other => other,
        };
        match done {
            Ok(_) => Ok(()),
            Err(error @ StoreError::StaleParent { .. }) => {
                // The store fell back behind this process: what memory holds is newer. The next epoch is whole.
                head.whole = true;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn save(
        &self,
        manifest: &Manifest,
        chunks: Vec<(ChunkRecord, Vec<u8>)>,
    ) -> Result<(), CheckpointError> {
        let mut blob = Vec::new();
        write_blob(manifest, chunks.into_iter(), &mut blob).map_err(|error| {
            CheckpointError::Damaged {
                revision: manifest.revision,
                reason: error.to_string(),
            }
        })?;
        Ok(self.store.save(&self.app, manifest.revision, &blob)?)
    }
}

/// Where outputs stand, by name.
type Positions = Vec<(String, Vec<u8>)>;

/// These workers did not come to the end of a step.
fn stuck(workers: Vec<usize>, asked: Instant) -> CheckpointError {
    CheckpointError::Stuck {
        workers,
        waited_ms: u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

fn input_record(input: &InputPosition) -> InputRecord {
    let applied = input
        .applied
        .iter()
        .map(|(instance, applied)| AppliedRecord {
            instance: *instance,
            number: applied.number,
            clock_us: applied.clock.map(|c| c.0),
        });
    InputRecord {
        name: input.name.clone(),
        open: input.open,
        clock_us: input.clock.map(|c| c.0),
        applied: applied.collect(),
        mark: input.mark.as_ref().map(|m| (m.number, m.token.clone())),
    }
}
