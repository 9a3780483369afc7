//! `state diff`: what differs between two revisions.

use super::args::DiffArgs;
use super::print_json;
use super::read::open;
use crate::failure::Failure;
use crate::show;
use eventflux::checkpoint::{Changed, ManifestDiff, QueryRecord};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct DiffView {
    from: String,
    to: String,
    same: bool,
    queries: Vec<ChangeView>,
    positions: Vec<ChangeView>,
    outputs: Vec<ChangeView>,
    sinks: Vec<ChangeView>,
    containers: Vec<ChangeView>,
    sizes: Vec<ChangeView>,
}

#[derive(Serialize)]
struct ChangeView {
    key: Value,
    from: Value,
    to: Value,
}

pub fn run(args: &DiffArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let app = &args.app;
    let catalogue = opened.catalogue(app)?;
    let from = opened.entry(app, &catalogue, Some(args.from))?;
    let to = opened.entry(app, &catalogue, Some(args.to))?;
    let (from, to) = (opened.readable(app, &from)?, opened.readable(app, &to)?);
    let diff = ManifestDiff::new(&from.manifest, &to.manifest);
    if args.json {
        return print_json(&view(&diff));
    }
    show!("{diff}");
    Ok(())
}

fn view(diff: &ManifestDiff) -> DiffView {
    let query = |q: &QueryRecord| {
        let stages = q.stages.iter().map(|s| {
            let kinds = s.containers.iter();
            let kinds: Vec<Value> = kinds
                .map(|k| serde_json::json!({"name": k.name, "layout": k.layout}))
                .collect();
            serde_json::json!({"name": s.name, "containers": kinds})
        });
        let stages: Vec<Value> = stages.collect();
        let fingerprint = format!("{:016x}", q.fingerprint);
        serde_json::json!({"text": q.text, "fingerprint": fingerprint, "stages": stages})
    };
    let sink = |bytes: &Vec<u8>| Value::from(bytes.escape_ascii().to_string());
    DiffView {
        from: diff.from.to_string(),
        to: diff.to.to_string(),
        same: diff.is_empty(),
        queries: changes(&diff.queries, |id| Value::from(id.as_str()), query),
        positions: changes(
            &diff.positions,
            |(input, instance)| serde_json::json!({"input": input, "instance": instance}),
            |n| Value::from(*n),
        ),
        outputs: changes(
            &diff.outputs,
            |(stream, group)| serde_json::json!({"stream": stream, "group": group}),
            |n| Value::from(*n),
        ),
        sinks: changes(&diff.sinks, |name| Value::from(name.as_str()), sink),
        containers: changes(
            &diff.containers,
            |path| Value::from(path.to_string()),
            |n| Value::from(*n),
        ),
        sizes: changes(&diff.sizes, |what| Value::from(*what), |n| Value::from(*n)),
    }
}

fn changes<K, V>(
    all: &[Changed<K, V>],
    key: impl Fn(&K) -> Value,
    value: impl Fn(&V) -> Value,
) -> Vec<ChangeView> {
    let shown = |v: &Option<V>| v.as_ref().map_or(Value::Null, &value);
    let view = |c: &Changed<K, V>| ChangeView {
        key: key(&c.key),
        from: shown(&c.from),
        to: shown(&c.to),
    };
    all.iter().map(view).collect()
}
