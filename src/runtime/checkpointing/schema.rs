//! Whose state a checkpoint holds: the queries of the app and their operators, as manifests tell them.

use super::error::CheckpointError;
use crate::checkpoint::{ContainerKind, QueryRecord, StageRecord};
use crate::plan::{Above, QueryIdentity, changes};
use crate::runtime::shared::Shared;
use crate::runtime::worker::graph::{GRAPH_NODE, Graph};
use crate::runtime::worker::handler::HandlerKind;
use crate::state::{Describe, StateHolder};
use crate::store::Revision;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The nodes of a component: number of the node, query and stage.
pub(super) type Nodes = Vec<(u16, u32, u16)>;

/// The queries of an app and the nodes of its components.
#[derive(Clone, Debug, Default)]
pub(super) struct StateSchema {
    /// By number of the query.
    pub(super) queries: Vec<QueryRecord>,
    /// By number of the query, its stages as revisions have them that lack the newer containers.
    older: Vec<Vec<StageRecord>>,
    /// By number of the query, its fingerprints as earlier builds made them, where its text meant the same to them.
    former: Vec<Vec<u64>>,
    /// By number of the query, those above it; none where it has no state.
    above: Vec<Option<Arc<Above>>>,
    /// By number of the component.
    pub(super) nodes: Vec<Nodes>,
}

/// A query of the app, and what revisions of earlier builds may say of it.
struct Known<'a> {
    record: &'a QueryRecord,
    older: &'a [StageRecord],
    former: &'a [u64],
    /// The queries from which rows come to it.
    above: Vec<&'a QueryRecord>,
}

impl StateSchema {
    /// The schema of an app.
    pub(super) fn of(shared: &Shared) -> StateSchema {
        let plan = &shared.plan;
        // The time by which the app runs, which need not be that of its text.
        let time = match shared.event_time {
            true => "EVENT",
            false => "PROCESSING",
        };
        let record = |identity: &QueryIdentity| QueryRecord {
            id: identity.id.clone(),
            text: identity.text.clone(),
            fingerprint: xxh3_64(identity.state_text.as_bytes()),
            stages: Vec::new(),
        };
        // Tables stand behind the queries, and partitions behind these.
        let queries = plan.queries.iter().map(|q| &q.identity);
        let records = queries
            .chain(plan.tables.iter().map(|t| &t.identity))
            .chain(plan.partitions.iter().map(|p| &p.identity))
            .map(record);
        let records: Vec<QueryRecord> = records.collect();
        let mut schema = StateSchema {
            older: vec![Vec::new(); records.len()],
            former: vec![Vec::new(); records.len()],
            above: vec![None; records.len()],
            queries: records,
            nodes: Vec::new(),
        };
        for component in &plan.components {
            for query in &component.queries {
                // Where a key's state stands depends on the columns that rows are spread by.
                let sources = 0..plan.queries[*query].sources.len();
                let routes = sources.map(|s| component.routing.route(*query, s));
                let route = match routes.collect::<Vec<_>>().as_slice() {
                    [only] => format!("{only:?}"),
                    several => format!("{several:?}"),
                };
                let hash = |state: &str, above: &str| {
                    xxh3_64(format!("{state} SPREAD BY {route}{above}").as_bytes())
                };
                let identity = &plan.queries[*query].identity;
                let (state, above) = (&identity.state_text, identity.above.as_ref());
                let text = above.map(|above| format!(" TIME {time} ABOVE {}", above.text));
                schema.queries[*query].fingerprint = hash(state, &text.unwrap_or_default());
                let former = identity.former_state_text.iter().chain([state]);
                schema.former[*query] = former.map(|state| hash(state, "")).collect();
                schema.above[*query] = above.cloned();
            }
            let mut nodes = Nodes::new();
            let mut graph = Graph::new(plan, component, &shared.name);
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
        let queries = self.queries.iter().enumerate();
        let queries = queries.map(|(number, record)| Known {
            record,
            older: &self.older[number],
            former: &self.former[number],
            above: self.above[number]
                .iter()
                .flat_map(|above| &above.queries)
                .map(|q| &self.queries[*q])
                .collect(),
        });
        let handlers = handlers.iter().map(|h| Known {
            record: &h.record,
            older: &h.record.stages,
            former: &[],
            above: Vec::new(),
        });
        let own: BTreeMap<&str, Known<'_>> = queries
            .chain(handlers)
            .map(|known| (known.record.id.as_str(), known))
            .collect();
        let text = |q: &&QueryRecord| format!("{}: {}", q.id, q.text);
        let new = own.values().map(|known| &known.record);
        let added = new.filter(|q| !stored.contains_key(q.id.as_str()));
        let removed = stored.values().filter(|q| !own.contains_key(q.id.as_str()));
        let (mut changed, mut edited) = (Vec::new(), Vec::new());
        for known in own.values() {
            let query = known.record;
            let Some(before) = stored.get(query.id.as_str()) else {
                continue;
            };
            let other: Vec<String> = known
                .above
                .iter()
                .filter_map(|above| difference(stored.get(above.id.as_str()).copied(), above))
                .collect();
            // An earlier build did not tell all that the state depends on, but the texts do.
            let texts = before.text == query.text && other.is_empty();
            let same = before.fingerprint == query.fingerprint
                || (texts && known.former.contains(&before.fingerprint));
            let fits = before.stages == query.stages || before.stages == known.older;
            if !same || !fits {
                changed.push((
                    text(before),
                    text(&query),
                    what_changed(before, query, other),
                ));
            } else if before.text != query.text {
                edited.push(text(&query));
            }
        }
        Differences {
            added: added.map(text).collect(),
            removed: removed.map(text).collect(),
            edited,
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

/// How a query above another differs from what it was, for a reader; `None` where its text does not.
fn difference(before: Option<&QueryRecord>, now: &QueryRecord) -> Option<String> {
    let Some(before) = before else {
        return Some(format!("the query {} above it is new", now.id));
    };
    if before.text == now.text {
        return None;
    }
    let clauses = changes(&before.text, &now.text).join(", ");
    Some(format!("in the query {} above it: {clauses}", now.id))
}

/// What the state of a query depends on and is different, for a reader; `above`: what is in the queries above it.
fn what_changed(before: &QueryRecord, now: &QueryRecord, above: Vec<String>) -> String {
    let clauses = changes(&before.text, &now.text).into_iter();
    let mut told: Vec<String> = clauses.map(str::to_string).collect();
    told.extend(above);
    if !told.is_empty() {
        return told.join(", ");
    }
    let kinds = |q: &QueryRecord| -> Vec<String> {
        let all = q.stages.iter().flat_map(|s| &s.containers);
        all.map(|k| format!("{} {}", k.name, k.layout)).collect()
    };
    let (before, now) = (kinds(before), kinds(now));
    if before == now {
        return "the attributes that it reads, a query above it that is gone, the app's time, or the key by which \
                rows are spread"
            .to_string();
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
    /// Queries whose text changed, and whose state means what it meant.
    pub(super) edited: Vec<String>,
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
