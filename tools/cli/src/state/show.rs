//! `state show`: what one revision consists of.

use super::args::ShowArgs;
use super::list::{chain, marks, next_row};
use super::print_json;
use super::read::{Held, Opened, open};
use super::text::{age, bar, bytes, count, many, now_ms, plain, table, utc, utc_json, wrapped};
use crate::failure::Failure;
use crate::show;
use eventflux::checkpoint::{
    ContainerRecord, Contents, InstanceRecord, Manifest, Path, QueryRecord, open as open_chunk,
    read_blob,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A revision as it is shown.
#[derive(Serialize)]
struct RevisionView {
    app: String,
    revision: String,
    head: bool,
    pins: Vec<String>,
    created: Option<String>,
    created_ms: i64,
    parent: Option<ParentView>,
    workers: u16,
    state_bytes: u64,
    stored_bytes: u64,
    manifest_bytes: u64,
    chunks: usize,
    chain: usize,
    epoch: EpochView,
    queries: Vec<QueryRecord>,
    instances: Vec<InstanceView>,
    containers: Vec<ContainerView>,
    /// Bytes of registers and of what a restore passes over; absent when a chunk cannot be read.
    register_bytes: Option<u64>,
    void_bytes: Option<u64>,
    unread: Vec<String>,
    inputs: Vec<InputView>,
    outputs: Vec<OutputView>,
    sinks: Vec<SinkView>,
}

#[derive(Serialize)]
struct ParentView {
    revision: String,
    digest: String,
}

/// What the checkpoint itself wrote.
#[derive(Serialize)]
struct EpochView {
    content_bytes: u64,
    stored_bytes: u64,
    base_bytes: u64,
    delta_bytes: u64,
}

#[derive(Serialize)]
struct InstanceView {
    id: u32,
    queries: Vec<String>,
    keyed: bool,
    first_group: u16,
    end_group: u16,
    worker: u16,
    now_us: i64,
}

#[derive(Serialize)]
struct ContainerView {
    path: String,
    instance: u32,
    pane: Option<i64>,
    query: String,
    stage: u16,
    name: String,
    layout: String,
    slots: u32,
    parts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta_bytes: Option<u64>,
}

#[derive(Serialize)]
struct InputView {
    name: String,
    next_row: u64,
    open: bool,
    clock_us: Option<i64>,
    mark: Option<MarkView>,
}

#[derive(Serialize)]
struct MarkView {
    row: u64,
    token: String,
}

#[derive(Serialize)]
struct OutputView {
    stream: String,
    /// Key group and number of the last row.
    numbers: Vec<(u16, u64)>,
}

#[derive(Serialize)]
struct SinkView {
    name: String,
    position: String,
}

pub fn run(args: &ShowArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let app = &args.app;
    let catalogue = opened.catalogue(app)?;
    let entry = opened.entry(app, &catalogue, args.revision)?;
    let held = opened.readable(app, &entry)?;
    let (head, pins) = marks(&catalogue, entry.revision);
    let mut view = view(&held, head, pins);
    measure(&opened, app, &held, &mut view);
    if args.json {
        return print_json(&view);
    }
    show(&view, &opened.store.describe());
    Ok(())
}

fn view(held: &Held, head: bool, pins: Vec<String>) -> RevisionView {
    let m = &held.manifest;
    let parent = m.parent.map(|(revision, digest)| ParentView {
        revision: revision.to_string(),
        digest: format!("{digest:032x}"),
    });
    let sink = |(name, position): &(String, Vec<u8>)| SinkView {
        name: name.clone(),
        position: position.escape_ascii().to_string(),
    };
    let own = own_containers(m);
    RevisionView {
        app: m.app.clone(),
        revision: m.revision.to_string(),
        head,
        pins,
        created: utc_json(m.created_ms),
        created_ms: m.created_ms,
        parent,
        workers: m.workers,
        state_bytes: m.chunks.iter().map(|c| u64::from(c.raw)).sum(),
        stored_bytes: m.chunks.iter().map(|c| u64::from(c.stored)).sum(),
        manifest_bytes: held.bytes,
        chunks: m.chunks.len(),
        chain: chain(m),
        epoch: EpochView {
            content_bytes: m.raw_bytes,
            stored_bytes: m.stored_bytes,
            base_bytes: m.base_bytes,
            delta_bytes: m.delta_bytes,
        },
        queries: m.queries.clone(),
        instances: m.instances.iter().map(|i| instance(m, i)).collect(),
        containers: m.containers.iter().map(|c| container(m, c, &own)).collect(),
        register_bytes: None,
        void_bytes: None,
        unread: Vec::new(),
        inputs: inputs(m),
        outputs: outputs(m),
        sinks: m.positions.iter().map(sink).collect(),
    }
}

fn inputs(m: &Manifest) -> Vec<InputView> {
    let inputs = m.inputs.iter().map(|i| InputView {
        name: i.name.clone(),
        next_row: next_row(i),
        open: i.open,
        clock_us: i.clock_us,
        mark: i.mark.as_ref().map(|(row, token)| MarkView {
            row: *row,
            token: token.clone(),
        }),
    });
    inputs.collect()
}

fn outputs(m: &Manifest) -> Vec<OutputView> {
    let outputs = m.outputs.iter().map(|o| OutputView {
        stream: o.stream.clone(),
        numbers: o.numbers.clone(),
    });
    outputs.collect()
}

fn query_name(m: &Manifest, query: u32) -> String {
    let found = m.queries.get(query as usize);
    found.map_or_else(|| format!("query {query}"), |q| q.id.clone())
}

fn instance(m: &Manifest, i: &InstanceRecord) -> InstanceView {
    let mut queries: Vec<u32> = i.stages.iter().map(|(query, _)| *query).collect();
    queries.sort_unstable();
    queries.dedup();
    InstanceView {
        id: i.id,
        queries: queries.into_iter().map(|q| query_name(m, q)).collect(),
        keyed: i.keyed,
        first_group: i.groups.0,
        end_group: i.groups.1,
        worker: i.worker,
        now_us: i.now_us,
    }
}

/// How many containers each operator has beside those of its panes, whose numbers begin at 0 again.
fn own_containers(m: &Manifest) -> BTreeMap<(u32, u16), usize> {
    let mut own = BTreeMap::new();
    for path in m.containers.iter().map(|c| c.path) {
        if path.pane == Path::NO_PANE {
            let most: &mut usize = own.entry((path.instance, path.node)).or_default();
            *most = (*most).max(usize::from(path.container) + 1);
        }
    }
    own
}

fn container(
    m: &Manifest,
    c: &ContainerRecord,
    own: &BTreeMap<(u32, u16), usize>,
) -> ContainerView {
    let path = c.path;
    let instance = m.instances.iter().find(|i| i.id == path.instance);
    let place = instance.and_then(|i| i.stages.get(usize::from(path.node)));
    let stage = place.and_then(|(q, s)| m.queries.get(*q as usize)?.stages.get(usize::from(*s)));
    let before = match path.pane {
        Path::NO_PANE => 0,
        _ => own.get(&(path.instance, path.node)).copied().unwrap_or(0),
    };
    let kind = stage.and_then(|s| s.containers.get(before + usize::from(path.container)));
    ContainerView {
        path: path.to_string(),
        instance: path.instance,
        pane: Some(path.pane).filter(|p| *p != Path::NO_PANE),
        query: place.map_or_else(String::new, |(q, _)| query_name(m, *q)),
        stage: place.map_or(path.node, |(_, s)| *s),
        name: kind.map_or_else(
            || format!("container {}", path.container),
            |k| k.name.clone(),
        ),
        layout: kind.map_or_else(String::new, |k| k.layout.clone()),
        slots: c.slots,
        parts: c.parts(),
        base_bytes: None,
        delta_bytes: None,
    }
}

/// Reads all chunks and fills in the sizes of containers; what cannot be read is told.
fn measure(opened: &Opened, app: &str, held: &Held, view: &mut RevisionView) {
    let m = &held.manifest;
    let mut contents = match Contents::new(m) {
        Ok(contents) => contents,
        Err(fault) => return view.unread.push(fault.to_string()),
    };
    // read when the revision was
    let blob = held.blob.as_deref().and_then(|blob| read_blob(blob).ok());
    let mut raw = Vec::new();
    for (place, record) in m.chunks.iter().enumerate() {
        let stored = match &blob {
            Some((_, chunks)) => Ok(chunks.get(place).map(|(_, bytes)| bytes.to_vec())),
            None => opened.store.get_chunk(app, record.name),
        };
        let added = match stored {
            Ok(Some(stored)) => open_chunk(&stored, record, app, &mut raw)
                .and_then(|()| contents.add(record, &raw))
                .map_err(|fault| fault.to_string()),
            Ok(None) => Err(format!("chunk {}: it is missing", record.name)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = added {
            view.unread.push(reason);
        }
    }
    if !view.unread.is_empty() {
        return;
    }
    for (record, container) in m.containers.iter().zip(&mut view.containers) {
        let found = contents.containers.get(&record.path).copied();
        let found = found.unwrap_or_default();
        container.base_bytes = Some(found.base);
        container.delta_bytes = Some(found.delta);
    }
    view.register_bytes = Some(contents.registers);
    view.void_bytes = Some(contents.void);
}

fn show(v: &RevisionView, store: &str) {
    show!("revision {} of app {} in {store}", v.revision, v.app);
    let line = |name: &str, text: String| show!("  {name:<12}{text}");
    let created = age(v.created_ms, now_ms());
    line(
        "created",
        format!("{} UTC, age {created}", utc(v.created_ms)),
    );
    let mut marks: Vec<&str> = v.pins.iter().map(String::as_str).collect();
    if v.head {
        marks.insert(0, "head");
    }
    if !marks.is_empty() {
        line("marks", marks.join(", "));
    }
    let parent = v.parent.as_ref();
    line(
        "parent",
        parent.map_or("none".into(), |p| p.revision.clone()),
    );
    line("workers", v.workers.to_string());
    let (chunks, epochs) = (many(v.chunks, "chunk"), many(v.chain, "epoch"));
    let (state, stored) = (bytes(v.state_bytes), bytes(v.stored_bytes));
    line(
        "state",
        format!("{state} in {chunks} of {epochs}, stored as {stored}"),
    );
    let e = &v.epoch;
    line(
        "this epoch",
        format!(
            "{} of content (bases {}, deltas {}), stored as {}",
            bytes(e.content_bytes),
            bytes(e.base_bytes),
            bytes(e.delta_bytes),
            bytes(e.stored_bytes)
        ),
    );
    if let (Some(registers), Some(void)) = (v.register_bytes, v.void_bytes) {
        line("registers", bytes(registers));
        line(
            "superseded",
            format!("{}, passed over by a restore", bytes(void)),
        );
    }
    for reason in &v.unread {
        show!("  cannot be read: {}", plain(reason));
    }
    show_queries(&v.queries);
    show_containers(&v.containers);
    show_instances(&v.instances);
    show_edges(v);
}

fn show_queries(queries: &[QueryRecord]) {
    if queries.is_empty() {
        return;
    }
    show!("\nqueries");
    for query in queries {
        show!("  {}", plain(&query.id));
        show!("{}", wrapped(&query.text, "    "));
        for (place, stage) in query.stages.iter().enumerate() {
            let kinds = stage.containers.iter();
            let kinds: Vec<String> = kinds.map(|k| format!("{} {}", k.name, k.layout)).collect();
            if !kinds.is_empty() {
                let name = format!("stage {place} {}", stage.name);
                show!(
                    "{}",
                    wrapped(
                        &format!("{}: {}", name.trim_end(), kinds.join(", ")),
                        "    "
                    )
                );
            }
        }
    }
}

/// A container of all instances and panes.
#[derive(Default)]
struct Sum {
    places: u64,
    slots: u64,
    parts: u64,
    bytes: Option<(u64, u64)>,
}

fn show_containers(containers: &[ContainerView]) {
    let mut sums: BTreeMap<(String, u16, String), Sum> = BTreeMap::new();
    for c in containers {
        let key = (plain(&c.query), c.stage, plain(&c.name));
        let sum = sums.entry(key).or_default();
        sum.places += 1;
        sum.slots += u64::from(c.slots);
        sum.parts += u64::from(c.parts);
        if let (Some(base), Some(delta)) = (c.base_bytes, c.delta_bytes) {
            let (bases, deltas) = sum.bytes.unwrap_or_default();
            sum.bytes = Some((bases + base, deltas + delta));
        }
    }
    if sums.is_empty() {
        return;
    }
    let all = |s: &Sum| s.bytes.map_or(0, |(base, delta)| base + delta);
    let greatest = sums.values().map(all).max().unwrap_or(0);
    let head = [
        (" query", '<'),
        ("stage", '>'),
        ("container", '<'),
        ("places", '>'),
        ("slots", '>'),
        ("parts", '>'),
        ("base", '>'),
        ("delta", '>'),
        ("", '<'),
    ];
    let rows = sums.iter().map(|((query, stage, name), s)| {
        let shown = |n: Option<u64>| n.map_or("?".to_string(), bytes);
        vec![
            format!(" {query}"),
            stage.to_string(),
            name.clone(),
            count(s.places),
            count(s.slots),
            count(s.parts),
            shown(s.bytes.map(|b| b.0)),
            shown(s.bytes.map(|b| b.1)),
            bar(all(s), greatest),
        ]
    });
    show!("\ncontainers\n{}", table(&head, rows.collect()));
}

fn show_instances(instances: &[InstanceView]) {
    if instances.is_empty() {
        return;
    }
    let head = [
        (" instance", '>'),
        ("worker", '>'),
        ("key groups", '<'),
        ("time (UTC)", '<'),
        ("queries", '<'),
    ];
    let rows = instances.iter().map(|i| {
        let groups = match i.keyed {
            true => format!("{}..{}", i.first_group, i.end_group),
            false => "not keyed".to_string(),
        };
        let queries: Vec<String> = i.queries.iter().map(|q| plain(q)).collect();
        vec![
            i.id.to_string(),
            i.worker.to_string(),
            groups,
            time(Some(i.now_us)),
            queries.join(", "),
        ]
    });
    show!("\ninstances\n{}", table(&head, rows.collect()));
}

/// Event time; the least time is that of an app without any row.
fn time(us: Option<i64>) -> String {
    match us {
        None | Some(i64::MIN) => "none yet".to_string(),
        Some(us) => utc(us.div_euclid(1000)),
    }
}

fn show_edges(v: &RevisionView) {
    if !v.inputs.is_empty() {
        let head = [
            (" input", '<'),
            ("next row", '>'),
            ("clock (UTC)", '<'),
            ("", '<'),
            ("mark", '<'),
        ];
        let rows = v.inputs.iter().map(|i| {
            let mark = i.mark.as_ref();
            vec![
                format!(" {}", plain(&i.name)),
                count(i.next_row),
                time(i.clock_us),
                if i.open { "open" } else { "closed" }.to_string(),
                mark.map_or(String::new(), |m| {
                    format!("{} at row {}", plain(&m.token), count(m.row))
                }),
            ]
        });
        show!("\ninputs\n{}", table(&head, rows.collect()));
    }
    if !v.outputs.is_empty() {
        let head = [(" stream", '<'), ("key groups", '>'), ("rows", '>')];
        let rows = v.outputs.iter().map(|o| {
            let numbers = o.numbers.iter().map(|(_, n)| *n);
            vec![
                format!(" {}", plain(&o.stream)),
                count(o.numbers.len() as u64),
                count(numbers.fold(0, u64::saturating_add)),
            ]
        });
        show!("\noutputs\n{}", table(&head, rows.collect()));
    }
    if !v.sinks.is_empty() {
        show!("\nsinks");
        for sink in &v.sinks {
            show!("  {}: {}", plain(&sink.name), sink.position);
        }
    }
}
