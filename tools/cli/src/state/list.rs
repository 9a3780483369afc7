//! `state ls`: apps and their revisions.

use super::args::LsArgs;
use super::print_json;
use super::read::{Opened, open};
use super::text::{age, bytes, count, many, now_ms, plain, table, utc, utc_json};
use crate::failure::Failure;
use crate::{say, show};
use eventflux::checkpoint::{InputRecord, Manifest};
use eventflux::store::{Catalogue, Entry, Revision};
use serde::Serialize;
use std::collections::HashSet;

/// An app in a store.
#[derive(Serialize)]
struct AppView {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    generation: u64,
    head: Option<String>,
    pins: Vec<PinView>,
    revisions: Vec<RevisionView>,
}

#[derive(Serialize)]
struct PinView {
    name: String,
    revision: String,
}

/// A line of the list.
#[derive(Serialize)]
struct RevisionView {
    revision: String,
    head: bool,
    pins: Vec<String>,
    #[serde(flatten)]
    content: ContentView,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ContentView {
    Read(Box<SizesView>),
    Damaged { error: String },
}

#[derive(Serialize)]
struct SizesView {
    created: Option<String>,
    created_ms: i64,
    state_bytes: u64,
    stored_bytes: u64,
    epoch_stored_bytes: u64,
    chunks: usize,
    chain: usize,
    inputs: Vec<InputView>,
}

#[derive(Serialize)]
struct InputView {
    name: String,
    next_row: u64,
}

/// The row from which a named input goes on.
pub fn next_row(input: &InputRecord) -> u64 {
    let applied = input.applied.iter().map(|a| a.number).min();
    applied.unwrap_or(0).saturating_add(1)
}

/// Epochs whose chunks a restore reads.
pub fn chain(manifest: &Manifest) -> usize {
    let epochs: HashSet<u64> = manifest.chunks.iter().map(|c| c.name.epoch).collect();
    epochs.len()
}

/// What marks a revision: the head, and its pins.
pub fn marks(catalogue: &Catalogue, revision: Revision) -> (bool, Vec<String>) {
    let head = catalogue.revisions.last().map(|e| e.revision) == Some(revision);
    let pins = catalogue.pins.iter().filter(|(_, r)| *r == revision);
    (head, pins.map(|(name, _)| name.clone()).collect())
}

pub fn run(args: &LsArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let apps = match &args.app {
        Some(app) => {
            opened.check_app(app)?;
            vec![app.clone()]
        }
        None => opened.apps()?,
    };
    let views: Vec<AppView> = apps.into_iter().map(|app| view(&opened, app)).collect();
    if args.json {
        print_json(&views)?;
    } else {
        show(&opened, &views);
    }
    let damaged = views.iter().filter(|v| v.error.is_some()).count();
    let is_damaged = |r: &&RevisionView| matches!(r.content, ContentView::Damaged { .. });
    let revisions = views.iter().flat_map(|v| &v.revisions).filter(is_damaged);
    if damaged + revisions.count() > 0 {
        let store = opened.store.describe();
        say!("eventflux: not everything could be read; see: eventflux state verify {store}");
    }
    match (&args.app, views.first().and_then(|v| v.error.as_ref())) {
        (Some(_), Some(error)) => Err(Failure::run(error)),
        _ => Ok(()),
    }
}

fn view(opened: &Opened, app: String) -> AppView {
    let (catalogue, error) = match opened.store.catalogue(&app) {
        Ok(catalogue) => {
            opened.tell_repairs(&app);
            (catalogue, None)
        }
        Err(error) => (Catalogue::default(), Some(error.to_string())),
    };
    let of = |entry: &Entry| {
        let (head, pins) = marks(&catalogue, entry.revision);
        let content = match opened.manifest(&app, entry) {
            Ok(held) => ContentView::Read(Box::new(sizes(&held.manifest))),
            Err(error) => ContentView::Damaged { error },
        };
        RevisionView {
            revision: entry.revision.to_string(),
            head,
            pins,
            content,
        }
    };
    let pin = |(name, revision): &(String, Revision)| PinView {
        name: name.clone(),
        revision: revision.to_string(),
    };
    AppView {
        error,
        generation: catalogue.generation,
        head: catalogue.revisions.last().map(|e| e.revision.to_string()),
        pins: catalogue.pins.iter().map(pin).collect(),
        revisions: catalogue.revisions.iter().map(of).collect(),
        app,
    }
}

fn sizes(manifest: &Manifest) -> SizesView {
    let chunks = &manifest.chunks;
    let input = |input: &InputRecord| InputView {
        name: input.name.clone(),
        next_row: next_row(input),
    };
    SizesView {
        created: utc_json(manifest.created_ms),
        created_ms: manifest.created_ms,
        state_bytes: chunks.iter().map(|c| u64::from(c.raw)).sum(),
        stored_bytes: chunks.iter().map(|c| u64::from(c.stored)).sum(),
        epoch_stored_bytes: manifest.stored_bytes,
        chunks: chunks.len(),
        chain: chain(manifest),
        inputs: manifest.inputs.iter().map(input).collect(),
    }
}

fn show(opened: &Opened, views: &[AppView]) {
    if views.is_empty() {
        show!("{} holds no app", opened.store.describe());
    }
    for (i, view) in views.iter().enumerate() {
        if i > 0 {
            show!();
        }
        if let Some(error) = &view.error {
            show!("app {}: {error}", view.app);
            continue;
        }
        let revisions = many(view.revisions.len(), "revision");
        show!(
            "app {}: {revisions}, generation {}",
            view.app,
            view.generation
        );
        if !view.revisions.is_empty() {
            show!("{}", revision_table(&view.revisions));
        }
    }
}

fn revision_table(revisions: &[RevisionView]) -> String {
    let now = now_ms();
    let head = [
        ("revision", '<'),
        ("created (UTC)", '<'),
        ("age", '>'),
        ("state", '>'),
        ("stored", '>'),
        ("epoch", '>'),
        ("chunks", '>'),
        ("chain", '>'),
        ("next rows", '<'),
        ("", '<'),
    ];
    let row = |r: &RevisionView| {
        let mut marks = Vec::new();
        if r.head {
            marks.push("head");
        }
        marks.extend(r.pins.iter().map(String::as_str));
        let marks = marks.join(", ");
        match &r.content {
            ContentView::Damaged { .. } => {
                let mut row = vec![r.revision.clone(), "cannot be read".to_string()];
                row.resize(9, String::new());
                row.push(marks);
                row
            }
            ContentView::Read(s) => {
                let input = |i: &InputView| format!("{} {}", plain(&i.name), count(i.next_row));
                let inputs: Vec<String> = s.inputs.iter().map(input).collect();
                vec![
                    r.revision.clone(),
                    utc(s.created_ms),
                    age(s.created_ms, now),
                    bytes(s.state_bytes),
                    bytes(s.stored_bytes),
                    bytes(s.epoch_stored_bytes),
                    count(s.chunks as u64),
                    count(s.chain as u64),
                    inputs.join("\n"),
                    marks,
                ]
            }
        }
    };
    let mut text = table(&head, revisions.iter().map(row).collect());
    for r in revisions {
        if let ContentView::Damaged { error } = &r.content {
            text += &format!("\nrevision {}: {}", r.revision, plain(error));
        }
    }
    text
}
