//! The examples of a page: an app, what comes in, and what is to come out.
//!
//! In Markdown a block ```` ```sql ```` is followed by ```` ```events ```` (lines of an events file) and by
//! ```` ```output ```` (what `eventflux run` prints for them), or by ```` ```error ```` (what it says instead).
//! Behind the output may stand ```` ```mermaid ````, which is what `eventflux explain --mermaid` draws. Blocks of
//! other words are passed over.

use eventflux::connector::json::{EventLine, EventRow, RowDecoder, RowEncoder, decode_line};
use eventflux::{
    Batch, Drawing, EventFluxAppRuntime, EventFluxManager, Input, RuntimeConfig, Value, Workers,
};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it is of.
    pub word: String,
    /// Where its text stands in the page.
    pub text: Range<usize>,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// What an example gives at one of its blocks.
#[derive(Clone, Debug)]
pub struct Given {
    /// The line on which its app begins.
    pub line: usize,
    /// Where in the page stands what it is to give; nothing yet where the range is empty and `missing`.
    pub place: Range<usize>,
    /// The block is not there: it would begin at its place.
    pub missing: bool,
    /// What it gives, or why it gives nothing of that kind.
    pub got: Result<String, String>,
}

/// The blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut open, mut at) = (false, 0);
    for (i, line) in page.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(word) => {
                open = true;
                found.push(Block {
                    word: word.trim().to_string(),
                    text: end..end,
                    line: i + 1,
                });
            }
            None => {
                if let Some(block) = found.last_mut().filter(|_| open) {
                    block.text.end = end;
                }
            }
        }
        at = end;
    }
    found
}

/// Runs the examples of a page, in their order.
///
/// Errors: the line of an app behind which nothing says what it is to give.
pub fn run(page: &str) -> Result<Vec<Given>, usize> {
    let blocks = blocks(page);
    let mut given = Vec::new();
    for (i, app) in blocks.iter().enumerate().filter(|(_, b)| b.word == "sql") {
        let next = |k: usize| blocks.get(i + k).map_or("", |b| b.word.as_str());
        let place = |k: usize| blocks[i + k].text.clone();
        let text = &page[app.text.clone()];
        let mut give = |place, missing, got| {
            given.push(Given {
                line: app.line,
                place,
                missing,
                got,
            });
        };
        match (next(1), next(2)) {
            ("events", "output") => give(place(2), false, output(text, &page[place(1)])),
            ("events", _) => {
                let end = blocks[i + 1].text.end;
                let behind = end + page[end..].find('\n').map_or(page.len() - end, |n| n + 1);
                give(behind..behind, true, output(text, &page[place(1)]));
            }
            ("error", _) => {
                let told = output(text, "");
                let told = told.map_or_else(|e| Ok(e + "\n"), |_| Err("it builds".into()));
                give(place(1), false, told);
            }
            _ => return Err(app.line),
        }
        if next(2) == "output" && next(3) == "mermaid" {
            give(place(3), false, drawing(text));
        }
    }
    Ok(given)
}

/// What `eventflux run` prints.
pub fn output(app: &str, events: &str) -> Result<String, String> {
    let config = RuntimeConfig::default()
        .workers(Workers::Inline)
        .ordered_outputs(true);
    let runtime = EventFluxManager::new().create_with(app, config);
    let runtime = runtime.map_err(|e| e.to_string())?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    for stream in runtime.streams().iter().filter(|s| s.written && !s.read) {
        let (into, encoder) = (Arc::clone(&lines), RowEncoder::new(&stream.name));
        let callback = move |batch: &Batch| {
            let mut lines = into.lock().unwrap_or_else(PoisonError::into_inner);
            encoder.encode(batch, &mut lines);
        };
        let added = runtime.add_callback(&stream.name, callback);
        added.map_err(|e| e.to_string())?;
    }
    runtime.start().map_err(|e| e.to_string())?;
    let mut input = runtime.input().map_err(|e| e.to_string())?;
    for (i, line) in events.lines().enumerate() {
        if !line.trim().is_empty() {
            let sent = send(&runtime, &mut input, line);
            sent.map_err(|e| format!("line {} of the events: {e}", i + 1))?;
        }
    }
    drop(input);
    runtime.shutdown().map_err(|e| e.to_string())?;
    let bytes = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

type Values = (Option<eventflux::Timestamp>, Vec<Value>);

fn send(runtime: &EventFluxAppRuntime, input: &mut Input, line: &str) -> Result<(), String> {
    let mut decoder = RowDecoder::default();
    let mut values = |row: &EventRow<'_>| -> Result<Values, String> {
        let unknown = || format!("unknown stream '{}'", row.stream);
        let schema = runtime.schema(&row.stream).ok_or_else(unknown)?;
        let values = decoder.decode(row.row, &schema);
        let values = values.map_err(|e| e.to_string())?;
        Ok((row.at, values.to_vec()))
    };
    let sent = match decode_line(line.as_bytes()).map_err(|e| e.to_string())? {
        EventLine::Clock(to) => input.advance_clock(to),
        EventLine::Batch(rows) => {
            let rows: Result<Vec<_>, _> = rows.into_iter().collect();
            let rows = rows.map_err(|e| e.to_string())?;
            let Some(first) = rows.first() else {
                return Ok(());
            };
            let stream = first.stream.to_string();
            if rows.iter().any(|row| row.stream != first.stream) {
                return Err("the rows of a batch are of one stream here".into());
            }
            let rows: Result<Vec<_>, _> = rows.iter().map(&mut values).collect();
            input.send_batch(&stream, rows?)
        }
        EventLine::Row(row) => match values(&row)? {
            (Some(at), values) => input.send_at(&row.stream, at, values),
            (None, values) => input.send(&row.stream, values),
        },
    };
    sent.map_err(|e| e.to_string())
}

/// What `eventflux explain --mermaid` prints.
fn drawing(app: &str) -> Result<String, String> {
    let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default());
    let drawing = runtime.map(|r| r.draw(Drawing::Mermaid));
    drawing.map_err(|e| e.to_string())
}
