//! Whose state a checkpoint holds: the queries of the app and their operators, as manifests tell them.

use super::error::CheckpointError;
use crate::checkpoint::{ContainerKind, QueryRecord, StageRecord};
use crate::plan::Plan;
use crate::runtime::graph::{GRAPH_NODE, Graph};
use crate::runtime::handler::HandlerKind;
use crate::state::{Describe, StateHolder};
use crate::store::Revision;
use std::collections::BTreeMap;
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_64;

/// The nodes of a component: number of the node, query and stage.
pub(super) type Nodes = Vec<(u16, u32, u16)>;

/// The queries of an app and the nodes of its components.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    /// By number of the query.
    pub(super) queries: Vec<QueryRecord>,
    /// By number of the query, its stages as revisions have them that lack the newer containers.
    older: Vec<Vec<StageRecord>>,
    /// By number of the component.
    pub(super) nodes: Vec<Nodes>,
}

impl Schema {
    /// The schema of a plan.
    pub(super) fn of(plan: &Plan, app: &str) -> Schema {
        let record = |q: &crate::plan::QueryPlan| QueryRecord {
            id: q.identity.id.clone(),
            text: q.identity.text.clone(),
            fingerprint: 0,
            stages: Vec::new(),
        };
        let mut schema = Schema {
            queries: plan.queries.iter().map(record).collect(),
            older: vec![Vec::new(); plan.queries.len()],
            nodes: Vec::new(),
        };
        for component in &plan.components {
            for query in &component.queries {
                // Where a key's state stands depends on the columns that rows are spread by.
                let route = component.routing.route(*query);
                let state = &plan.queries[*query].identity.state_text;
                let text = format!("{state} SPREAD BY {route:?}");
                schema.queries[*query].fingerprint = xxh3_64(text.as_bytes());
            }
            let mut nodes = Nodes::new();
            let mut graph = Graph::new(plan, component, app);
            graph.nodes_state(&mut |node, query, stage, holder| {
                if node != GRAPH_NODE {
                    nodes.push((node, query as u32, stage));
                    let (now, older) = describe(holder);
                    schema.queries[query].stages.push(now);
                    schema.older[query].push(older);
                }
            });
            schema.nodes.push(nodes);
        }
        schema
    }

    /// What of the plan's queries and those of a revision does not fit.
    pub(super) fn differences(
        &self,
        handlers: &[HandlerKind],
        stored: &[QueryRecord],
    ) -> Differences {
        let stored: BTreeMap<&str, &QueryRecord> =
            stored.iter().map(|q| (q.id.as_str(), q)).collect();
        let older = self.older.iter().map(Vec::as_slice);
        let queries = self.queries.iter().zip(older);
        let handlers = handlers
            .iter()
            .map(|h| (&h.record, h.record.stages.as_slice()));
        let own: BTreeMap<&str, (&QueryRecord, &[StageRecord])> = queries
            .chain(handlers)
            .map(|both| (both.0.id.as_str(), both))
            .collect();
        let text = |q: &&QueryRecord| format!("{}: {}", q.id, q.text);
        let added = own
            .values()
            .map(|(q, _)| q)
            .filter(|q| !stored.contains_key(q.id.as_str()));
        let removed = stored.values().filter(|q| !own.contains_key(q.id.as_str()));
        let mut changed = Vec::new();
        for (query, older) in own.values() {
            let Some(before) = stored.get(query.id.as_str()) else {
                continue;
            };
            let fits = before.stages == query.stages || before.stages == *older;
            if before.fingerprint != query.fingerprint || !fits {
                changed.push((text(before), text(query), stage_changes(before, query)));
            }
        }
        Differences {
            added: added.map(text).collect(),
            removed: removed.map(text).collect(),
            changed,
        }
    }
}

/// The containers of an operator, and those of them that older revisions have too.
fn describe(holder: &mut dyn StateHolder) -> (StageRecord, StageRecord) {
    let mut visitor = Describe::default();
    holder.state(&mut visitor);
    let record = |containers| StageRecord {
        name: String::new(),
        containers,
    };
    let kind = |(name, layout)| ContainerKind { name, layout };
    let all: Vec<ContainerKind> = visitor.containers.into_iter().map(kind).collect();
    let mut older = all.clone();
    for place in visitor.newer.into_iter().rev() {
        older.remove(place);
    }
    (record(all), record(older))
}

/// Which containers changed, for a reader.
fn stage_changes(before: &QueryRecord, now: &QueryRecord) -> String {
    let kinds = |q: &QueryRecord| -> Vec<String> {
        let all = q.stages.iter().flat_map(|s| &s.containers);
        all.map(|k| format!("{} {}", k.name, k.layout)).collect()
    };
    let (before, now) = (kinds(before), kinds(now));
    if before == now {
        return "window, keys or aggregates".to_string();
    }
    format!("{} became {}", before.join(", "), now.join(", "))
}

/// How an app differs from what a revision was taken of.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    /// Queries without state in the revision.
    pub(super) added: Vec<String>,
    /// Queries of the revision that are gone.
    pub(super) removed: Vec<String>,
    /// Before, now, and what.
    changed: Vec<(String, String, String)>,
}

impl Differences {
    /// Errors: something is not allowed; the error lists all of it.
    pub(super) fn check(
        &self,
        revision: Revision,
        allow_new: bool,
        allow_dropped: bool,
    ) -> Result<(), CheckpointError> {
        let mut diff = String::new();
        for (before, now, what) in &self.changed {
            let _ = writeln!(
                diff,
                "  - {before}\n  + {now}\n    changed: {what}; name the new query differently"
            );
        }
        if !allow_new {
            for query in &self.added {
                let _ = writeln!(
                    diff,
                    "  + {query}\n    is new; allow_new starts it empty (--evolve)"
                );
            }
        }
        if !allow_dropped {
            for query in &self.removed {
                let _ = writeln!(
                    diff,
                    "  - {query}\n    is gone; allow_dropped forgets its state (--evolve)"
                );
            }
        }
        if diff.is_empty() {
            return Ok(());
        }
        diff.truncate(diff.trim_end().len());
        Err(CheckpointError::Incompatible { revision, diff })
    }
}
