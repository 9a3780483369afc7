//! Builds the state of an app from a revision, beside the one that runs.
//!
//! Instances of the revision are placed on the workers of the app. One whose key groups all belong to one worker stays
//! what it was, and later revisions build on its chunks. One whose groups belong to several workers is loaded once for
//! each of them and drops the keys of the others; those are new instances.

use super::error::CheckpointError;
use super::read::{Read, in_parallel};
use super::schema::{Nodes, StateSchema};
use crate::checkpoint::{InstanceRecord, Manifest, Parts};
use crate::event::Timestamp;
use crate::plan::{GROUPS, Plan, worker_of_component};
use crate::runtime::lane::stamp::Applied;
use crate::runtime::position::input_position::InputPosition;
use crate::runtime::position::named::Mark;
use crate::runtime::worker::graph::Graph;
use crate::runtime::worker::handler::{HANDLERS, HandlerKind, RowHandler};
use crate::runtime::worker::instance::Instance;
use crate::state::{Load, Malformed, SectionKind, Stored, StoredContainer, sections};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Containers may have this many slots more than their revision has bytes: room for slots that were never written.
const SLOTS_SPARE: usize = 1 << 16;

/// State ready to be swapped in.
pub(super) struct Built {
    /// By worker.
    pub(super) instances: Vec<Vec<Instance>>,
    /// The clock of each worker.
    pub(super) now: Vec<Timestamp>,
    pub(super) inputs: Vec<InputPosition>,
    pub(super) parts: Parts,
    /// Handlers of the user, by worker and place.
    pub(super) handlers: Vec<Vec<Box<dyn RowHandler>>>,
    /// Instances that are as the revision holds them.
    pub(super) unchanged: HashSet<u32>,
    pub(super) next_instance: u32,
}

/// Where an instance of the app comes from.
struct Origin<'a> {
    record: &'a InstanceRecord,
    /// By node of the component: the node of the record, if it had it.
    nodes: Vec<(u16, Option<u16>)>,
    /// It has the nodes of the component, in their order, and no others.
    same: bool,
}

impl Origin<'_> {
    /// Whether these are all of its key groups.
    fn is_whole(&self, groups: &Range<u16>) -> bool {
        *groups == (self.record.groups.0..self.record.groups.1)
    }
}

/// An instance that is to be made. Each is made by itself, on one of several threads.
struct Place<'o> {
    id: u32,
    component: usize,
    groups: Range<u16>,
    origin: Option<&'o Origin<'o>>,
}

impl Built {
    /// The number of an instance: that of its origin where it is as the revision holds it, otherwise a new one.
    fn id_for(&mut self, groups: &Range<u16>, origin: Option<&Origin<'_>>) -> u32 {
        if let Some(origin) = origin.filter(|o| o.same && o.is_whole(groups)) {
            self.unchanged.insert(origin.record.id);
            return origin.record.id;
        }
        self.next_instance += 1;
        self.next_instance - 1
    }
}

/// What does not vary while an app's state is built.
pub(super) struct Builder<'a> {
    pub(super) plan: &'a Plan,
    pub(super) schema: &'a StateSchema,
    pub(super) app: &'a str,
    pub(super) workers: usize,
    pub(super) handlers: &'a [HandlerKind],
    /// Instances get no number below this.
    pub(super) next_instance: u32,
}

impl Builder<'_> {
    /// Errors: the revision's content makes no sense.
    pub(super) fn build(&self, read: &Read) -> Result<Built, CheckpointError> {
        let manifest = &read.manifest;
        self.assemble(read)
            .map_err(|malformed| CheckpointError::Damaged {
                revision: manifest.revision,
                reason: malformed.to_string(),
            })
    }

    fn assemble(&self, read: &Read) -> Result<Built, Malformed> {
        let manifest = &read.manifest;
        let mut parts = Parts::of(&manifest.containers)?;
        for (record, raw) in manifest.chunks.iter().zip(&read.chunks) {
            parts.add(*record, raw)?;
        }
        let stored = index(read, &parts)?;
        let mut built = Built {
            instances: (0..self.workers).map(|_| Vec::new()).collect(),
            handlers: self.handlers(manifest, &stored)?,
            now: Vec::new(),
            inputs: Vec::new(),
            parts,
            unchanged: HashSet::new(),
            next_instance: self.next_instance.max(manifest.next_instance),
        };
        // Which instances of the app continue one of the revision.
        let mut heirs: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut now = vec![None::<i64>; self.workers];
        let nodes = self.schema.nodes.iter().enumerate();
        let origins = nodes.map(|(component, nodes)| self.origins(component, nodes, manifest));
        let origins = origins.collect::<Result<Vec<_>, Malformed>>()?;
        let mut places = Vec::new();
        for (component, origins) in origins.iter().enumerate() {
            for (worker, now) in now.iter_mut().enumerate() {
                for (groups, origin) in self.place(component, worker, origins) {
                    let id = built.id_for(&groups, origin);
                    if let Some(origin) = origin {
                        heirs.entry(origin.record.id).or_default().push(id);
                        let clock = now.get_or_insert(origin.record.now_us);
                        *clock = origin.record.now_us.min(*clock);
                    }
                    let place = Place {
                        id,
                        component,
                        groups,
                        origin,
                    };
                    places.push((worker, place));
                }
            }
        }
        let made = in_parallel(&places, |(_, place)| self.instance(place, &stored))?;
        for ((worker, _), instance) in places.iter().zip(made) {
            built.instances[*worker].push(instance);
        }
        let least = manifest.instances.iter().map(|i| i.now_us).min();
        let least = least.unwrap_or(Timestamp::MIN.0);
        built.now = now
            .into_iter()
            .map(|n| Timestamp(n.unwrap_or(least)))
            .collect();
        built.inputs = inputs(manifest, &heirs);
        Ok(built)
    }

    /// The handlers of the user as the revision holds them; those that it does not know remember nothing.
    fn handlers(
        &self,
        manifest: &Manifest,
        stored: &Stored<'_>,
    ) -> Result<Vec<Vec<Box<dyn RowHandler>>>, Malformed> {
        let mut all: Vec<Vec<Box<dyn RowHandler>>> = Vec::new();
        for worker in 0..self.workers {
            let mut made = Vec::new();
            for kind in self.handlers {
                let mut handler = kind.make(worker);
                if let Some((instance, node)) = self.handler_origin(kind, worker, manifest)? {
                    let mut load = Load::new(instance, node, stored);
                    handler.state(&mut load);
                    load.end()?;
                }
                made.push(handler);
            }
            all.push(made);
        }
        Ok(all)
    }

    /// Which copy of the revision a worker's copy of a handler continues.
    fn handler_origin(
        &self,
        kind: &HandlerKind,
        worker: usize,
        manifest: &Manifest,
    ) -> Result<Option<(u32, u16)>, Malformed> {
        let query = manifest.queries.iter().position(|q| q.id == kind.record.id);
        let Some(query) = query else {
            return Ok(None);
        };
        let before = usize::from(manifest.workers);
        let component = self.plan.writer_of(kind.stream);
        let from = match component {
            _ if before == self.workers => worker,
            // One worker saw all rows.
            Some(component) if !self.plan.components[component].is_keyed() => {
                if worker_of_component(component, self.workers) != worker {
                    return Ok(None);
                }
                worker_of_component(component, before)
            }
            _ => {
                let name = &kind.record.text;
                let why =
                    format!("{name}: several workers had a share; restore on {before} workers");
                return Err(Malformed::new(why));
            }
        };
        let id = HANDLERS + from as u32;
        let record = manifest.instances.iter().find(|i| i.id == id);
        let node = record.and_then(|r| r.stages.iter().position(|(q, _)| *q as usize == query));
        Ok(node.map(|node| (id, node as u16)))
    }

    /// The instances of the revision that hold the state of a component.
    fn origins<'m>(
        &self,
        component: usize,
        nodes: &Nodes,
        manifest: &'m Manifest,
    ) -> Result<Vec<Origin<'m>>, Malformed> {
        let keyed = self.plan.components[component].is_keyed();
        let mut origins = Vec::new();
        for record in &manifest.instances {
            let node_of = |query: u32, stage: u16| {
                let id = &self.schema.queries[query as usize].id;
                record.stages.iter().position(|(q, s)| {
                    let stored = manifest.queries.get(*q as usize);
                    *s == stage && stored.is_some_and(|stored| stored.id == *id)
                })
            };
            let nodes: Vec<(u16, Option<u16>)> = nodes
                .iter()
                .map(|(node, query, stage)| (*node, node_of(*query, *stage).map(|n| n as u16)))
                .collect();
            if nodes.iter().all(|(_, from)| from.is_none()) {
                continue;
            }
            if record.keyed != keyed {
                return Err(Malformed::new("a query's rows were spread in another way"));
            }
            let same = nodes.len() == record.stages.len()
                && nodes.iter().all(|(node, from)| *from == Some(*node));
            origins.push(Origin {
                record,
                nodes,
                same,
            });
        }
        origins.sort_by_key(|o| o.record.groups.0);
        let mut next = 0;
        for origin in &origins {
            let (first, end) = origin.record.groups;
            if first != next || end <= first {
                return Err(Malformed::new("key groups are missing or held twice"));
            }
            next = end;
        }
        if !origins.is_empty() && next != GROUPS {
            return Err(Malformed::new("key groups are missing"));
        }
        Ok(origins)
    }

    /// The instances of a component on a worker: their key groups and where they come from.
    fn place<'o, 'm>(
        &self,
        component: usize,
        worker: usize,
        origins: &'o [Origin<'m>],
    ) -> Vec<(Range<u16>, Option<&'o Origin<'m>>)> {
        let planned = &self.plan.components[component];
        let Some(own) = planned.groups_on(component, worker, self.workers) else {
            return Vec::new();
        };
        if origins.is_empty() {
            return vec![(own, None)];
        }
        let shared = |origin: &'o Origin<'m>| {
            let (first, end) = origin.record.groups;
            (first.max(own.start)..end.min(own.end), Some(origin))
        };
        let all = origins.iter().map(shared);
        all.filter(|(groups, _)| !groups.is_empty()).collect()
    }

    fn instance(&self, place: &Place<'_>, stored: &Stored<'_>) -> Result<Instance, Malformed> {
        let (component, groups) = (place.component, place.groups.clone());
        let mut graph = Graph::new(self.plan, &self.plan.components[component], self.app);
        if let Some(origin) = place.origin {
            load(&mut graph, origin, stored)?;
            if !origin.is_whole(&groups) {
                graph.keep_groups(&|group| groups.contains(&(group as u16)));
            }
        }
        Ok(Instance {
            id: place.id,
            component,
            groups,
            graph,
        })
    }
}

/// Fills the nodes of a graph.
fn load(graph: &mut Graph, origin: &Origin<'_>, stored: &Stored<'_>) -> Result<(), Malformed> {
    let mut loaded = Ok(());
    graph.nodes_state(&mut |node, _, _, holder| {
        // What belongs to the graph itself has no counterpart under another number.
        let known = origin.nodes.iter().find(|(own, _)| *own == node);
        let from = known.map_or(Some(node), |(_, from)| *from);
        if let (Ok(()), Some(from)) = (&loaded, from) {
            let mut load = Load::new(origin.record.id, from, stored);
            holder.state(&mut load);
            loaded = load.end();
        }
    });
    loaded
}

/// What the chunks hold, by container.
fn index<'r>(read: &'r Read, parts: &Parts) -> Result<Stored<'r>, Malformed> {
    let mut stored = Stored::default();
    let bytes: usize = read.chunks.iter().map(Vec::len).sum();
    for record in &read.manifest.containers {
        if record.slots as usize > bytes + SLOTS_SPARE {
            return Err(Malformed::new(
                "a container has more slots than its revision has bytes",
            ));
        }
        let container = StoredContainer {
            slots: record.slots,
            sections: Vec::new(),
        };
        stored.containers.insert(record.path, container);
    }
    let newest = read.manifest.revision.epoch;
    for (record, raw) in read.manifest.chunks.iter().zip(&read.chunks) {
        let epoch = record.name.epoch;
        for section in sections(raw) {
            let section = section?;
            if section.kind == SectionKind::Registers {
                if epoch == newest {
                    let place = (section.path.instance, section.path.node);
                    stored.registers.insert(place, section.payload);
                }
            } else if parts.counts(epoch, &section)
                && let Some(container) = stored.containers.get_mut(&section.path)
            {
                container.sections.push(section);
            }
        }
    }
    Ok(stored)
}

/// The positions of the revision, for the instances that continue its own.
fn inputs(manifest: &Manifest, heirs: &HashMap<u32, Vec<u32>>) -> Vec<InputPosition> {
    let position = |input: &crate::checkpoint::InputRecord| {
        let mut applied = Vec::new();
        for record in &input.applied {
            let at = Applied {
                number: record.number,
                clock: record.clock_us.map(Timestamp),
            };
            let heirs = heirs.get(&record.instance).into_iter().flatten();
            applied.extend(heirs.map(|id| (*id, at)));
        }
        let position = input.applied.iter().map(|a| a.number).min().unwrap_or(0);
        InputPosition {
            name: input.name.clone(),
            open: input.open,
            position,
            clock: input.clock_us.map(Timestamp),
            applied,
            mark: input
                .mark
                .as_ref()
                .map(|(number, token)| Mark::new(*number, token)),
        }
    };
    manifest.inputs.iter().map(position).collect()
}
