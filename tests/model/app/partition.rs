//! The partition of an app: which key a row has, and which keys are kept.

use super::super::expr::{Expr, Kind, Names};
use super::print::span;
use super::{App, Query};
use std::fmt;

/// The name of the output by which rows of a query inside tell their key.
pub const KEY: &str = "pk";

/// What the key of a row is.
#[derive(Clone, Debug)]
pub enum KeyOf {
    Value(Expr),
    /// The names of the conditions that it fulfils.
    Ranges(Vec<(Expr, String)>),
}

#[derive(Clone, Debug)]
pub struct Partition {
    /// The streams that have a key.
    pub keys: Vec<(usize, KeyOf)>,
    /// After how long a key without rows is forgotten, and how often that is looked at.
    pub purge_us: Option<(i64, Option<i64>)>,
    pub keys_max: Option<usize>,
    /// The streams that have a key, each with the stream that gets its rows without one.
    pub unmatched: Vec<(usize, usize)>,
}

impl Partition {
    pub fn key_of(&self, stream: usize) -> Option<&KeyOf> {
        let mut keys = self.keys.iter();
        keys.find(|(s, _)| *s == stream).map(|(_, key)| key)
    }

    /// The grid of times at which keys are looked at, and after how long one is idle.
    pub fn grid(&self) -> Option<(i64, i64)> {
        let (idle, interval) = self.purge_us?;
        Some((idle, interval.unwrap_or((idle / 4).max(1))))
    }

    fn key_sql(&self, app: &App, (stream, key): &(usize, KeyOf)) -> String {
        let stream = &app.streams[*stream];
        let names = Names {
            columns: stream.attributes.iter().map(|a| a.name.clone()).collect(),
            ..Names::default()
        };
        let by = match key {
            KeyOf::Value(expr) => expr.sql(&names),
            KeyOf::Ranges(ranges) => {
                let range = |(condition, name): &(Expr, String)| {
                    format!("{} AS '{name}'", condition.sql(&names))
                };
                ranges.iter().map(range).collect::<Vec<_>>().join(", ")
            }
        };
        format!("{by} OF {}", stream.name)
    }

    fn options(&self, app: &App) -> String {
        let mut options = Vec::new();
        if let Some((idle, interval)) = self.purge_us {
            options.push(format!("'purge.idle'='{}'", span(idle)));
            options.extend(interval.map(|us| format!("'purge.interval'='{}'", span(us))));
        }
        options.extend(self.keys_max.map(|n| format!("'keys.max'='{n}'")));
        let name = |stream: usize| &app.streams[stream].name;
        let of = |(from, to): &(usize, usize)| match self.keys.len() {
            1 => format!("'unmatched'='{}'", name(*to)),
            _ => format!("'unmatched.{}'='{}'", name(*from), name(*to)),
        };
        options.extend(self.unmatched.iter().map(of));
        match options.is_empty() {
            true => String::new(),
            false => format!(" WITH ({})", options.join(", ")),
        }
    }

    /// What stands in front of its queries.
    pub fn head(&self, app: &App) -> String {
        let keys: Vec<String> = self.keys.iter().map(|k| self.key_sql(app, k)).collect();
        format!(
            "PARTITION WITH ({}){} BEGIN",
            keys.join(", "),
            self.options(app)
        )
    }
}

impl Query {
    /// The place of the output that tells the key.
    pub fn key_place(&self) -> Option<usize> {
        self.items.iter().position(|item| item.alias == KEY)
    }
}

impl App {
    /// The key of what a source at this place reads, as a column of the query.
    pub fn key_column(&self, query: &Query, place: usize) -> Option<Expr> {
        let source = query.sources().nth(place)?.stream;
        let first = self.columns(query)[place];
        let attributes = &self.streams[source].attributes;
        let column = |at: usize| Expr::new(attributes[at].ty, Kind::Column(first + at));
        if self.streams[source].is_inner() {
            return attributes.iter().position(|a| a.name == KEY).map(column);
        }
        match self.partition.as_ref()?.key_of(source)? {
            KeyOf::Value(Expr {
                kind: Kind::Column(at),
                ..
            }) => Some(column(*at)),
            KeyOf::Value(expr) if first == 0 => Some(expr.clone()),
            _ => None,
        }
    }

    /// The key of the rows of a stream that queries inside read.
    pub fn door(&self, stream: usize) -> Option<&KeyOf> {
        let mut inside = self.queries.iter().filter(|q| q.inside);
        let is_read = inside.any(|q| q.reads(stream));
        self.partition.as_ref().filter(|_| is_read)?.key_of(stream)
    }

    /// Whether rows of a stream have a key of the partition.
    pub fn is_keyed(&self, stream: usize) -> bool {
        let partition = self.partition.as_ref();
        let key = partition.and_then(|p| p.key_of(stream));
        key.is_some() || self.streams[stream].is_inner()
    }

    /// Whether it tells when a send ends for a key: on several workers with its own rows, whatever follows.
    pub fn ends_sends_apart(&self) -> bool {
        let purges = self
            .partition
            .as_ref()
            .is_some_and(|p| p.purge_us.is_some());
        let waits = self.queries.iter().any(|q| q.inside && q.rate.is_some());
        self.partition.is_some() && self.uses_sends() && (purges || waits)
    }

    /// The queries as text, those inside of the partition in their block.
    pub fn write_queries(
        &self,
        f: &mut fmt::Formatter<'_>,
        sql: impl Fn(&Query) -> String,
    ) -> fmt::Result {
        let mut inside = false;
        for query in &self.queries {
            if let Some(partition) = self.partition.as_ref().filter(|_| query.inside != inside) {
                inside = query.inside;
                match inside {
                    true => writeln!(f, "{}", partition.head(self))?,
                    false => writeln!(f, "END;")?,
                }
            }
            writeln!(f, "{};", sql(query))?;
        }
        match inside {
            true => writeln!(f, "END;"),
            false => Ok(()),
        }
    }
}
