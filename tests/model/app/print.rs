//! Apps as SQL.

use super::super::expr::{Expr, Names};
use super::{Action, Aggregate, App, Call, Events, Join, JoinKind, Query, Role, Source, Stream};
use std::fmt;

/// A duration as SQL, in the biggest unit that holds it exactly.
pub fn span(us: i64) -> String {
    match us {
        _ if us % 1_000_000 == 0 && us != 0 => format!("{} SECONDS", us / 1_000_000),
        _ if us % 1_000 == 0 => format!("{} MILLISECONDS", us / 1_000),
        _ => format!("{us} MICROSECONDS"),
    }
}

impl Call {
    pub fn sql(&self, names: &Names) -> String {
        let arg = self.arg.as_ref().map(|a| a.sql(names)).unwrap_or_default();
        match self.aggregate {
            Aggregate::Count => "count()".into(),
            Aggregate::CountOf => format!("count({arg})"),
            Aggregate::CountDistinct => format!("count(DISTINCT {arg})"),
            Aggregate::DistinctCount => format!("distinctCount({arg})"),
            Aggregate::Sum => format!("sum({arg})"),
            Aggregate::Avg => format!("avg({arg})"),
            Aggregate::Min => format!("min({arg})"),
            Aggregate::Max => format!("max({arg})"),
            Aggregate::MinForever => format!("minForever({arg})"),
            Aggregate::MaxForever => format!("maxForever({arg})"),
            Aggregate::StdDev => format!("stdDev({arg})"),
            Aggregate::StdDevSample => format!("stddev_samp({arg})"),
            Aggregate::Variance => format!("variance({arg})"),
            Aggregate::VarianceSample => format!("var_samp({arg})"),
            Aggregate::Median => format!("median({arg})"),
            Aggregate::Percentile(p) => format!("percentile({arg}, {})", f64::from(p) / 100.0),
            Aggregate::First => format!("first({arg})"),
            Aggregate::Last => format!("last({arg})"),
            Aggregate::And => format!("and({arg})"),
            Aggregate::Or => format!("or({arg})"),
        }
    }
}

impl Events {
    /// As it stands behind INSERT and OUTPUT.
    fn sql(self) -> &'static str {
        match self {
            Events::Current => "CURRENT",
            Events::Expired => "EXPIRED",
            Events::All => "ALL",
        }
    }
}

impl Source {
    fn name<'a>(&'a self, app: &'a App) -> &'a str {
        let stream = &app.streams[self.stream].name;
        self.alias.as_ref().unwrap_or(stream)
    }

    fn sql(&self, app: &App) -> String {
        let stream = &app.streams[self.stream];
        let columns: Vec<String> = stream.attributes.iter().map(|a| a.name.clone()).collect();
        let mut text = stream.name.clone();
        let window = self.window.as_ref().map(|w| w.sql(&columns));
        let names = Names {
            columns,
            tables: tables(app),
            ..Names::default()
        };
        let filter = self.filter.iter().map(|f| format!("[{}]", f.sql(&names)));
        text.extend(filter);
        text.extend(self.alias.iter().map(|a| format!(" AS {a}")));
        text.extend(window.map(|w| format!(" WINDOW({w})")));
        text + if self.unidirectional {
            " UNIDIRECTIONAL"
        } else {
            ""
        }
    }
}

impl Join {
    fn sql(&self, app: &App, names: &Names) -> String {
        let words = match self.kind {
            JoinKind::Inner => "JOIN",
            JoinKind::Left => "LEFT JOIN",
            JoinKind::Right => "RIGHT OUTER JOIN",
            JoinKind::Full => "FULL OUTER JOIN",
            JoinKind::Asof => "ASOF JOIN",
            JoinKind::AsofLeft => "ASOF LEFT JOIN",
        };
        let mut text = format!(
            " {words} {} ON {}",
            self.source.sql(app),
            self.on.sql(names)
        );
        if let Some((from, to)) = self.bounds {
            let (a, b) = (&names.sources[0], self.source.name(app));
            let shift = |us: i64| match us {
                0 => String::new(),
                _ if us < 0 => format!(" - {}", span(-us)),
                _ => format!(" + {}", span(us)),
            };
            let time = format!("eventTimestamp({a})");
            text += &format!(
                " AND eventTimestamp({b}) BETWEEN {time}{} AND {time}{}",
                shift(from),
                shift(to)
            );
        }
        text + &self
            .within
            .map_or(String::new(), |t| format!(" WITHIN {}", span(t)))
    }
}

/// The attributes of everything that has some, as a condition on a table writes them.
fn tables(app: &App) -> Vec<Vec<String>> {
    let of = |s: &Stream| {
        let names = s
            .attributes
            .iter()
            .map(|a| format!("{}.{}", s.name, a.name));
        names.collect()
    };
    app.streams.iter().map(of).collect()
}

/// The attributes of what a source reads.
fn attributes(app: &App, source: &Source) -> Vec<String> {
    let attributes = app.streams[source.stream].attributes.iter();
    attributes.map(|a| a.name.clone()).collect()
}

fn list(of: &[Expr], names: &Names) -> String {
    let texts: Vec<String> = of.iter().map(|e| e.sql(names)).collect();
    texts.join(", ")
}

impl Query {
    fn names(&self, app: &App) -> Names {
        let mut columns = Vec::new();
        for source in self.sources() {
            let before = match self.qualified || self.pattern.is_some() {
                true => format!("{}.", source.name(app)),
                false => String::new(),
            };
            let attributes = &app.streams[source.stream].attributes;
            columns.extend(attributes.iter().map(|a| format!("{before}{}", a.name)));
        }
        let mut names = Names {
            columns,
            outputs: self.items.iter().map(|i| i.alias.clone()).collect(),
            aggregates: Vec::new(),
            sources: self.sources().map(|s| s.name(app).to_string()).collect(),
            tables: tables(app),
            terms: self.sources().map(|s| attributes(app, s)).collect(),
        };
        names.aggregates = self
            .aggregates
            .iter()
            .map(|call| call.sql(&names))
            .collect();
        names
    }

    fn selection(&self, names: &Names) -> String {
        if self.star {
            return "*".into();
        }
        let items = self
            .items
            .iter()
            .map(|i| format!("{} AS {}", i.expr.sql(names), i.alias));
        items.collect::<Vec<_>>().join(", ")
    }

    /// What stands before the sources.
    fn head(&self, app: &App, names: &Names) -> String {
        let target = &app.streams[self.target];
        match &self.action {
            Action::Insert => format!(
                "INSERT {}INTO {} SELECT {}{} FROM ",
                match self.events {
                    Events::Current => String::new(),
                    events => format!("{} EVENTS ", events.sql()),
                },
                target.name,
                if self.distinct { "DISTINCT " } else { "" },
                self.selection(names),
            ),
            Action::Update { set, .. } => {
                let set = set.iter().map(|(place, to)| {
                    format!("{} = {}", target.attributes[*place].name, to.sql(names))
                });
                let set: Vec<String> = set.collect();
                format!("UPDATE {} SET {} FROM ", target.name, set.join(", "))
            }
            Action::Delete { .. } => format!("DELETE FROM {} USING ", target.name),
            Action::Upsert { .. } => format!(
                "UPSERT INTO {} SELECT {} FROM ",
                target.name,
                self.selection(names)
            ),
        }
    }

    fn sql(&self, app: &App) -> String {
        let names = self.names(app);
        let late = self.late.map(|late| {
            let (name, late) = (&app.streams[self.target].name, &app.streams[late].name);
            format!("@info(name='{name}', late.stream='{late}') ")
        });
        let mut text = late.unwrap_or_default() + &self.head(app, &names);
        text += &match &self.pattern {
            Some(pattern) => pattern.sql(app, &names),
            None => self.from.sql(app),
        };
        let mut add = |clause: String| text.push_str(&clause);
        self.joins.iter().for_each(|j| add(j.sql(app, &names)));
        self.condition
            .iter()
            .for_each(|c| add(format!(" WHERE {}", c.sql(&names))));
        if !self.group_by.is_empty() {
            add(format!(" GROUP BY {}", list(&self.group_by, &names)));
        }
        self.having
            .iter()
            .for_each(|h| add(format!(" HAVING {}", h.sql(&names))));
        if !self.order_by.is_empty() {
            let by = self
                .order_by
                .iter()
                .map(|(e, down)| e.sql(&names) + if *down { " DESC" } else { "" });
            add(format!(" ORDER BY {}", by.collect::<Vec<_>>().join(", ")));
        }
        self.limit.iter().for_each(|n| add(format!(" LIMIT {n}")));
        self.offset.iter().for_each(|n| add(format!(" OFFSET {n}")));
        match &self.action {
            Action::Insert => {}
            Action::Update { on, .. } | Action::Delete { on } => {
                add(format!(" WHERE {}", on.sql(&names)))
            }
            Action::Upsert { on } => add(format!(" ON {}", on.sql(&names))),
        }
        self.rate.iter().for_each(|rate| add(rate.sql()));
        text
    }
}

impl Stream {
    fn sql(&self) -> String {
        let key = match &self.role {
            Role::Table(key) => &key[..],
            _ => &[],
        };
        let attribute = |(place, a): (usize, &super::Attribute)| {
            let alone = if key == [place] { " PRIMARY KEY" } else { "" };
            format!("{} {}{alone}", a.name, a.ty)
        };
        let mut list: Vec<String> = self.attributes.iter().enumerate().map(attribute).collect();
        let columns: Vec<String> = self.attributes.iter().map(|a| a.name.clone()).collect();
        if key.len() > 1 {
            let key: Vec<&str> = key.iter().map(|k| columns[*k].as_str()).collect();
            list.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        let (what, behind) = match &self.role {
            Role::Stream => ("STREAM", String::new()),
            Role::Table(_) => ("TABLE", String::new()),
            Role::Window(window, events) => {
                let output = match events {
                    Events::All => String::new(),
                    events => format!(" OUTPUT {} EVENTS", events.sql()),
                };
                (
                    "WINDOW",
                    format!(" WINDOW({}){output}", window.sql(&columns)),
                )
            }
        };
        format!("CREATE {what} {} ({}){behind};", self.name, list.join(", "))
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lateness = (self.lateness_us > 0).then_some(("lateness", self.lateness_us));
        let ahead = self.ahead_us.map(|us| ("ahead.max", us));
        let options: Vec<String> = lateness
            .into_iter()
            .chain(ahead)
            .map(|(name, us)| format!("{name}='{}'", span(us)))
            .collect();
        match options.is_empty() {
            true => writeln!(f, "@app:playback")?,
            false => writeln!(f, "@app:playback({})", options.join(", "))?,
        }
        for stream in self.streams.iter().filter(|s| s.declared) {
            writeln!(f, "{}", stream.sql())?;
        }
        self.write_queries(f, |query| query.sql(self))
    }
}
