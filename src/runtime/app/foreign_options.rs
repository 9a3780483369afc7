//! Options that streams and tables of EventFlux have in WITH, and what is written here instead.

use crate::error::Fault;
use crate::plan::StreamPlan;

/// The beginning of a key, the value if only that one is meant, and what to do.
#[rustfmt::skip]
const OF_STREAMS: &[(&str, Option<&str>, &str)] = &[
    ("type", Some("internal"), "remove it: a stream without options is one of the app's own"),
    ("async.", None, "remove it: RuntimeConfig::workers(…) or run --workers N says how many threads work"),
    ("error.", None, "write 'on.error'='log' to leave a bad row out, or 'stop'; both are counted"),
    ("fault.stream", None, "remove it: a value that cannot be computed is NULL, and counted"),
];

/// As in [`OF_STREAMS`].
#[rustfmt::skip]
const OF_TABLES: &[(&str, Option<&str>, &str)] = &[
    ("extension", None, "remove it: a table is kept in memory and in checkpoints; 'type'='table' and 'file' fill it at the start"),
];

/// The faults for the options of a stream or table that another dialect has. It is asked for when what the options
/// say is wrong anyway: a connector of one's own may have such keys.
pub(super) fn foreign(stream: &StreamPlan) -> Vec<Fault> {
    let (known, what) = match stream.kind.table().is_some() {
        true => (OF_TABLES, "table"),
        false => (OF_STREAMS, "stream"),
    };
    let faults = stream.options.iter().filter_map(|(key, value, span)| {
        let small = key.to_ascii_lowercase();
        let meant = |(start, only, _): &&(&str, Option<&str>, _)| {
            small.starts_with(start) && only.is_none_or(|v| v.eq_ignore_ascii_case(value))
        };
        let (_, only, remedy) = known.iter().find(meant)?;
        let message = match only {
            Some(value) => format!("there is no '{key}'='{value}' of a {what}"),
            None => format!("there is no option '{key}' of a {what}"),
        };
        Some(Fault::new(*span, message).help(*remedy))
    });
    faults.collect()
}
