//! What differs between two manifests: for messages of a refused restore and for the command line.

use super::{ContainerRecord, Manifest, Path, QueryRecord};
use crate::store::Revision;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that one manifest has and the other has not, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<K, V> {
    /// What it is.
    pub key: K,
    /// In the first manifest; `None` where it was added.
    pub from: Option<V>,
    /// In the second manifest; `None` where it was removed.
    pub to: Option<V>,
}

/// What differs between two manifests. Its text has one line for each difference; queries show their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestDiff {
    /// The first revision.
    pub from: Revision,
    /// The second revision.
    pub to: Revision,
    /// Queries by name.
    pub queries: Vec<Changed<String, QueryRecord>>,
    /// Number of the last applied row, by named input and instance.
    pub positions: Vec<Changed<(String, u32), u64>>,
    /// Number of the last row, by stream and key group.
    pub outputs: Vec<Changed<(String, u16), u64>>,
    /// Positions of sinks, by name.
    pub sinks: Vec<Changed<String, Vec<u8>>>,
    /// Slots of containers.
    pub containers: Vec<Changed<Path, u32>>,
    /// Workers, instances, chunks and bytes.
    pub sizes: Vec<Changed<&'static str, u64>>,
}

impl ManifestDiff {
    /// Compares two manifests.
    pub fn new(from: &Manifest, to: &Manifest) -> Self {
        ManifestDiff {
            from: from.revision,
            to: to.revision,
            queries: changed(from, to, |m| {
                m.queries
                    .iter()
                    .map(|q| (q.id.clone(), q.clone()))
                    .collect()
            }),
            positions: changed(from, to, positions),
            outputs: changed(from, to, outputs),
            sinks: changed(from, to, |m| m.positions.iter().cloned().collect()),
            containers: changed(from, to, |m| {
                let slots = |c: &ContainerRecord| (c.path, c.slots);
                m.containers.iter().map(slots).collect()
            }),
            sizes: changed(from, to, sizes),
        }
    }

    /// Whether nothing differs but the names of the revisions.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
            && self.positions.is_empty()
            && self.outputs.is_empty()
            && self.sinks.is_empty()
            && self.containers.is_empty()
            && self.sizes.is_empty()
    }
}

/// What a function makes of two manifests, without what is in both.
fn changed<K: Ord + Clone, V: PartialEq>(
    from: &Manifest,
    to: &Manifest,
    of: impl Fn(&Manifest) -> BTreeMap<K, V>,
) -> Vec<Changed<K, V>> {
    let (mut from, mut to) = (of(from), of(to));
    let keys: BTreeSet<K> = from.keys().chain(to.keys()).cloned().collect();
    let both = keys.into_iter().map(|key| Changed {
        from: from.remove(&key),
        to: to.remove(&key),
        key,
    });
    both.filter(|c| c.from != c.to).collect()
}

fn positions(m: &Manifest) -> BTreeMap<(String, u32), u64> {
    let inputs = m.inputs.iter();
    let applied = inputs.flat_map(|i| {
        i.applied
            .iter()
            .map(|a| ((i.name.clone(), a.instance), a.number))
    });
    applied.collect()
}

fn outputs(m: &Manifest) -> BTreeMap<(String, u16), u64> {
    let outputs = m.outputs.iter();
    let numbers = outputs.flat_map(|o| o.numbers.iter().map(|(g, n)| ((o.stream.clone(), *g), *n)));
    numbers.collect()
}

fn sizes(m: &Manifest) -> BTreeMap<&'static str, u64> {
    let stored: u64 = m.chunks.iter().map(|c| u64::from(c.stored)).sum();
    let raw: u64 = m.chunks.iter().map(|c| u64::from(c.raw)).sum();
    BTreeMap::from([
        ("workers", m.workers.into()),
        ("instances", m.instances.len() as u64),
        ("chunks", m.chunks.len() as u64),
        ("bytes of chunks", stored),
        ("bytes of content", raw),
        ("bytes of content written by the epoch", m.raw_bytes),
        ("bytes stored by the epoch", m.stored_bytes),
        ("bytes of bases written by the epoch", m.base_bytes),
        ("bytes of deltas written by the epoch", m.delta_bytes),
    ])
}

impl fmt::Display for ManifestDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)?;
        if self.is_empty() {
            return write!(f, ": no difference");
        }
        for c in &self.queries {
            query(f, c)?;
        }
        for c in &self.positions {
            let (input, instance) = &c.key;
            let input = input.escape_debug();
            line(
                f,
                format_args!("input '{input}', instance {instance}: row"),
                c,
            )?;
        }
        for c in &self.outputs {
            let (stream, group) = &c.key;
            let stream = stream.escape_debug();
            line(
                f,
                format_args!("stream '{stream}', key group {group}: row"),
                c,
            )?;
        }
        for c in &self.sinks {
            let bytes = |v: &Option<Vec<u8>>| v.as_ref().map(|b| b.escape_ascii().to_string());
            let shown = Changed {
                key: (),
                from: bytes(&c.from),
                to: bytes(&c.to),
            };
            line(f, format_args!("sink '{}':", c.key.escape_debug()), &shown)?;
        }
        for c in &self.containers {
            line(f, format_args!("container {}: slots", c.key), c)?;
        }
        for c in &self.sizes {
            line(f, format_args!("{}:", c.key), c)?;
        }
        Ok(())
    }
}

fn line<K, V: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    what: fmt::Arguments<'_>,
    c: &Changed<K, V>,
) -> fmt::Result {
    let shown = |v: &Option<V>| v.as_ref().map_or_else(|| "none".to_string(), V::to_string);
    write!(f, "\n  {what} {} -> {}", shown(&c.from), shown(&c.to))
}

fn query(f: &mut fmt::Formatter<'_>, c: &Changed<String, QueryRecord>) -> fmt::Result {
    let word = match (&c.from, &c.to) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    write!(f, "\n  query '{}': {word}", c.key.escape_debug())?;
    let (from, to) = (shown(&c.from), shown(&c.to));
    for gone in from.iter().filter(|l| !to.contains(l)) {
        write!(f, "\n    - {gone}")?;
    }
    for new in to.iter().filter(|l| !from.contains(l)) {
        write!(f, "\n    + {new}")?;
    }
    if let (Some(a), Some(b)) = (&c.from, &c.to)
        && from == to
    {
        let (a, b) = (a.fingerprint, b.fingerprint);
        write!(f, "\n    fingerprint {a:016x} -> {b:016x}")?;
    }
    Ok(())
}

/// Text and containers of a query, a line each.
fn shown(query: &Option<QueryRecord>) -> Vec<String> {
    let Some(query) = query else {
        return Vec::new();
    };
    let mut lines = vec![query.text.escape_debug().to_string()];
    for (i, stage) in query.stages.iter().enumerate() {
        for container in &stage.containers {
            let parts = [&stage.name, &container.name, &container.layout];
            let [stage, name, layout] = parts.map(|p| p.escape_debug());
            lines.push(format!("stage {i} {stage}, {name}: {layout}"));
        }
    }
    lines
}
