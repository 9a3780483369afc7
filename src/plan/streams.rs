//! Streams and the order in which queries define them.

use super::event_time::OwnTime;
use super::limits::{Columns, QUERIES_MAX};
use super::partition::{self, PartitionPlan, is_inner};
use super::pattern::{self, TimeoutPlan};
use super::query::{QueryPlan, bind_query};
use super::table_def::{is_of_rows, table};
use super::trigger::{TRIGGERED_TIME, TriggerPlan, ticking};
use super::{
    Catalogue, NamedWindow, QueryIdentity, StreamKind, StreamPlan, TablePlan, aggregation,
};
use crate::error::{FAULTS_MAX, Fault};
use crate::event::{Schema, Type};
use crate::sql::ast::{
    Action, AggregationDef, App, Events, Name, Query, SelectItem, Source, Span, Statement,
    StreamDef, TableDef, TriggerDef, WindowDef,
};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

/// What is known while an app is checked.
pub(super) struct Planner<'a> {
    pub(super) text: &'a str,
    pub(super) catalogue: &'a Catalogue,
    pub(super) streams: Vec<StreamPlan>,
    pub(super) tables: Vec<TablePlan>,
    pub(super) partitions: Vec<PartitionPlan>,
    /// The tables as they stand in the list of streams.
    pub(super) table_streams: Arc<[StreamPlan]>,
    /// Position of each stream by its name in lower case.
    places: HashMap<String, usize>,
    /// The triggers, by their streams.
    triggers: HashMap<usize, TriggerPlan>,
    pub(super) queries: Vec<QueryPlan>,
    /// The names of aggregations, in lower case.
    aggregations: HashSet<String>,
    /// Some statements could not be read.
    incomplete: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    pub(super) notes: Vec<Fault>,
    pub(super) columns: Columns,
}

impl<'a> Planner<'a> {
    pub(super) fn new(text: &'a str, catalogue: &'a Catalogue, unread: Vec<Fault>) -> Self {
        Planner {
            text,
            catalogue,
            streams: Vec::new(),
            tables: Vec::new(),
            partitions: Vec::new(),
            table_streams: Arc::default(),
            places: HashMap::new(),
            triggers: HashMap::new(),
            queries: Vec::new(),
            aggregations: HashSet::new(),
            incomplete: !unread.is_empty(),
            faults: unread,
            warnings: Vec::new(),
            notes: Vec::new(),
            columns: Columns::default(),
        }
    }

    fn find(&self, name: &Name) -> Option<usize> {
        self.places.get(&name.text.to_ascii_lowercase()).copied()
    }

    /// Takes the CREATE statements.
    pub(super) fn declare(&mut self, app: &App) {
        app.files.iter().for_each(|def| self.declare_stream(def));
        for statement in &app.statements {
            match statement {
                Statement::Stream(def) => self.declare_stream(def),
                Statement::Table(def) => self.declare_table(def),
                Statement::Window(def) => self.declare_window(def),
                Statement::Partition(partition) => {
                    let before = &self.partitions;
                    let plan = PartitionPlan::new(partition, before, self.text, &mut self.faults);
                    self.partitions.push(plan);
                }
                Statement::Trigger(def) => self.declare_trigger(def),
                Statement::Aggregation(query) => {
                    let name = query.target.text.to_ascii_lowercase();
                    self.aggregations.insert(name);
                }
                Statement::Query(_) => {}
            }
        }
        let is_table = |s: &&StreamPlan| s.kind.table().is_some();
        self.table_streams = self.streams.iter().filter(is_table).cloned().collect();
    }

    fn declare_table(&mut self, def: &TableDef) {
        let Some(schema) = self.schema("table", &def.name, &def.attributes) else {
            return;
        };
        let kind = StreamKind::Table(self.tables.len());
        let others = def.options.iter().filter(|(k, _)| !is_of_rows(&k.text));
        let options = others.map(|(k, v)| (k.text.clone(), v.text.clone(), k.span.to(v.span)));
        let stream = self.add(&def.name.text, schema.clone(), kind, options.collect());
        let plan = table(self, def, &schema, stream);
        self.tables.push(plan);
    }

    fn declare_window(&mut self, def: &WindowDef) {
        let Some(schema) = self.schema("window", &def.name, &def.attributes) else {
            return;
        };
        let entering = self.add(
            &entering(&def.name),
            schema.clone(),
            StreamKind::Entering,
            Vec::new(),
        );
        let window = NamedWindow {
            entering,
            events: def.events,
            plan: None,
        };
        self.add(
            &def.name.text,
            schema,
            StreamKind::Window(window),
            Vec::new(),
        );
    }

    fn declare_trigger(&mut self, def: &TriggerDef) {
        let time = Name {
            text: TRIGGERED_TIME.to_string(),
            span: def.name.span,
        };
        let Some(schema) = self.schema("trigger", &def.name, &[(time, Type::Long)]) else {
            return;
        };
        match TriggerPlan::new(def, self.text) {
            Ok(trigger) => {
                let ticking = ticking(&def.name);
                self.add(&ticking, schema.clone(), StreamKind::Ticking, Vec::new());
                let stream = self.add(&def.name.text, schema, StreamKind::Trigger, Vec::new());
                self.triggers.insert(stream, trigger);
            }
            Err(fault) => {
                self.incomplete = true;
                self.faults.push(fault);
            }
        }
    }

    /// The schema of what is declared; `None` where its name is taken.
    fn schema(&mut self, what: &str, name: &Name, attributes: &[(Name, Type)]) -> Option<Schema> {
        if self.find(name).is_some() {
            let message = format!("{what} {} is declared twice", name.text);
            self.faults
                .push(Fault::new(name.span, message).help("remove one of the declarations"));
            return None;
        }
        let counted = self.columns.add(attributes.len(), name.span);
        self.faults.extend(counted.err());
        let mut seen = HashSet::new();
        for (name, _) in attributes {
            if !seen.insert(name.text.to_ascii_lowercase()) && !self.is_full() {
                let message = format!("attribute {} is declared twice", name.text);
                self.faults
                    .push(Fault::new(name.span, message).help("remove one, or name it otherwise"));
            }
        }
        let attributes = attributes.iter().map(|(n, t)| (n.text.as_str(), *t));
        Some(Schema::new(attributes))
    }

    fn declare_stream(&mut self, def: &StreamDef) {
        let Some(schema) = self.schema("stream", &def.name, &def.attributes) else {
            return;
        };
        let options = def
            .options
            .iter()
            .map(|(k, v)| (k.text.clone(), v.text.clone(), k.span.to(v.span)));
        let stream = self.add(
            &def.name.text,
            schema,
            StreamKind::Stream,
            options.collect(),
        );
        let schema = self.streams[stream].schema.clone();
        self.streams[stream].time = OwnTime::new(def, &schema, &mut self.faults);
        self.streams[stream].declared = true;
    }

    fn add(
        &mut self,
        name: &str,
        schema: Schema,
        kind: StreamKind,
        options: Vec<(String, String, Span)>,
    ) -> usize {
        self.places
            .insert(name.to_ascii_lowercase(), self.streams.len());
        self.streams.push(StreamPlan {
            name: name.into(),
            schema,
            declared: false,
            options,
            kind,
            carries: None,
            time: OwnTime::default(),
            readers: Vec::new(),
            writers: Vec::new(),
            rollup: None,
        });
        self.streams.len() - 1
    }

    /// Binds the queries, each as soon as the streams that it reads are known; keeps them in the order of the text.
    pub(super) fn queries(&mut self, app: &App) {
        let filling: Vec<Query> = app.statements.iter().filter_map(fills).collect();
        let inside = partition::inside(app);
        let (waiting, places) = in_order(app, &filling, &inside);
        if let Some(query) = waiting.get(QUERIES_MAX) {
            let message = format!("the app has more than {QUERIES_MAX} queries (QUERIES_MAX)");
            let fault = Fault::new(query.span, message);
            self.faults.push(fault.help("split it into several apps"));
            return;
        }
        self.check_names(&waiting);
        let mut bound: Vec<(usize, QueryPlan)> = Vec::new();
        let mut unread = Unread::new(&waiting);
        let mut ready = BinaryHeap::new();
        let known = |s: &&StreamPlan| !matches!(s.kind, StreamKind::Window(_));
        for stream in self.streams.iter().filter(known) {
            let name = stream.name.to_ascii_lowercase();
            ready.extend(unread.known(&name).map(Reverse));
        }
        while let Some(Reverse(place)) = ready.pop() {
            if self.is_full() {
                return;
            }
            let query = waiting[place];
            if let Some(plan) = self.query(query, places[place]) {
                for stream in plan.written() {
                    let name = self.streams[stream].name.to_ascii_lowercase();
                    ready.extend(unread.known(&name).map(Reverse));
                }
                bound.push((place, plan));
            }
        }
        let left = unread.queries();
        let targets: HashSet<String> = waiting
            .iter()
            .flat_map(|q| {
                let timeout = q.pattern.iter().flat_map(|p| &p.timeout);
                std::iter::once(&q.target)
                    .chain(&q.late_stream)
                    .chain(timeout)
            })
            .map(|name| name.text.to_ascii_lowercase())
            .collect();
        for place in left {
            self.unknown_source(waiting[place], &targets);
        }
        bound.sort_by_key(|(place, _)| *place);
        self.check_keys(&targets);
        self.connect(bound.into_iter().map(|(_, query)| query));
    }

    /// Keeps the queries, and notes which streams they read and write.
    fn connect(&mut self, queries: impl Iterator<Item = QueryPlan>) {
        for (number, query) in queries.enumerate() {
            for stream in query.read() {
                // Once, also where several sources of a query are the same stream.
                let readers = &mut self.streams[stream].readers;
                if readers.last() != Some(&number) {
                    readers.push(number);
                }
            }
            let written = query.written();
            written.for_each(|stream| self.streams[stream].writers.push(number));
            self.queries.push(query);
        }
    }

    /// The keys of partitions whose streams no query reads, which nothing has looked at yet.
    fn check_keys(&mut self, targets: &HashSet<String>) {
        for number in 0..self.partitions.len() {
            for key in self.partitions[number].keys().to_vec() {
                if self.is_full() {
                    return;
                }
                match self.find(&key.stream) {
                    Some(stream) => drop(partition::door(self, number, stream)),
                    None if !self.is_defined_elsewhere(&key.stream, targets) => {
                        let name = &key.stream;
                        let known = self.streams.iter().map(|s| &*s.name);
                        let fault =
                            Fault::new(name.span, format!("unknown stream '{}'", name.text));
                        self.faults.push(fault.nearest(&name.text, known));
                    }
                    None => {}
                }
            }
        }
    }

    /// Whether a statement that is wrong would have defined a stream.
    fn is_defined_elsewhere(&self, name: &Name, targets: &HashSet<String>) -> bool {
        self.incomplete || targets.contains(&name.text.to_ascii_lowercase())
    }

    /// Whether more would not be told.
    fn is_full(&self) -> bool {
        self.faults.len() > FAULTS_MAX
    }

    fn check_names(&mut self, queries: &[&Query]) {
        let mut seen = HashSet::new();
        for name in queries.iter().filter_map(|q| q.name.as_ref()) {
            if !seen.insert(name.text.as_str()) && !self.is_full() {
                let message = format!("two queries are named '{}'", name.text);
                self.faults.push(
                    Fault::new(name.span, message)
                        .help("names in @info identify state: use another"),
                );
            }
        }
    }

    fn unknown_source(&mut self, query: &Query, targets: &HashSet<String>) {
        if self.incomplete || self.is_full() {
            return;
        }
        let mut names = query.sources.iter().map(|s| &s.stream);
        let Some(name) = names.find(|name| self.find(name).is_none()) else {
            return;
        };
        // A stream that a faulty or waiting query would have defined is not reported as unknown.
        if targets.contains(&name.text.to_ascii_lowercase()) {
            if self.faults.is_empty() {
                let message = format!(
                    "the attributes of stream {} depend on themselves",
                    name.text
                );
                let remedy = format!("declare it: CREATE STREAM {} (…);", name.text);
                self.faults
                    .push(Fault::new(name.span, message).help(remedy));
            }
            return;
        }
        let known = self.streams.iter().map(|s| &*s.name);
        let fault = Fault::new(name.span, format!("unknown stream '{}'", name.text))
            .nearest(&name.text, known);
        self.faults.push(fault);
    }

    /// `place`: where it stands in the text.
    fn query(&mut self, query: &Query, place: Place) -> Option<QueryPlan> {
        let Place { number, partition } = place;
        let inputs = query.sources.iter().map(|s| self.find(&s.stream));
        let inputs: Vec<usize> = inputs.collect::<Option<_>>()?;
        if let Some(def) = &query.aggregation {
            return self.aggregation(query, def, &inputs);
        }
        if self
            .aggregations
            .contains(&query.target.text.to_ascii_lowercase())
        {
            let message = format!(
                "aggregation {} is filled by its own SELECT",
                query.target.text
            );
            let fault = Fault::new(query.target.span, message);
            let remedy = "insert into the stream that it reads";
            self.faults.push(fault.help(remedy));
            return None;
        }
        let read: Vec<&StreamPlan> = inputs.iter().map(|i| &self.streams[*i]).collect();
        let written = query;
        let settled;
        let query = match read.iter().any(|s| s.rollup.is_some()) {
            false => query,
            true => {
                settled = aggregation::reading(query, &read, &mut self.faults);
                &settled
            }
        };
        debug_assert_eq!(written.sources.len(), query.sources.len());
        let target = self
            .find(&query.target)
            .map(|stream| match &self.streams[stream].kind {
                StreamKind::Window(window) if number.is_some() => window.entering,
                _ => stream,
            });
        if number.is_some()
            && let Some(stream) = target.filter(|t| self.triggers.contains_key(t))
        {
            let name = &self.streams[stream].name;
            let message = format!("{name} is a trigger, and its rows are its own");
            let remedy = "insert into a stream, and let queries read that beside the trigger";
            let fault = Fault::new(query.target.span, message).help(remedy);
            self.faults.push(fault);
            return None;
        }
        let (mut plan, schema) =
            bind_query(self, query, number.unwrap_or(0), &inputs, target, partition)?;
        plan.target = target.unwrap_or_else(|| self.define(query, schema, partition));
        if number.is_none()
            && let Some(trigger) = self.triggers.get(&plan.target)
        {
            trigger.fill(&mut plan);
        } else if number.is_none() {
            plan.name = format!("window {}", query.target.text);
            plan.identity = plan.identity.of_window(&query.target);
            if let StreamKind::Window(window) = &mut self.streams[plan.target].kind {
                window.plan = plan.sources[0].window.clone();
            }
        }
        self.write_beside(query, &mut plan)?;
        Some(plan)
    }

    /// The streams that a query writes beside its target: of late rows, and of runs that WITHIN has ended.
    fn write_beside(&mut self, query: &Query, plan: &mut QueryPlan) -> Option<()> {
        if let Some(name) = &query.late_stream {
            plan.late = Some(self.late_stream(name, plan)?);
        }
        let timeout = query.pattern.as_ref().and_then(|p| p.timeout.as_ref());
        if let Some(name) = timeout {
            let schema = self.streams[plan.target].schema.clone();
            let (attributes, outputs) = pattern::timeout(query, plan, &schema);
            let target = self.timeout_stream(name, plan, attributes)?;
            let pattern = plan.pattern.as_mut();
            pattern?.timeout = Some(TimeoutPlan { target, outputs });
        }
        Some(())
    }

    /// The stream that a query writes and nothing has declared.
    fn define(&mut self, query: &Query, schema: Schema, partition: Option<usize>) -> usize {
        let carries = partition.filter(|_| is_inner(&query.target));
        let carries = carries.and_then(|p| self.partitions[p].key_type());
        let kind = match carries {
            Some(_) => StreamKind::Inner,
            None => StreamKind::Stream,
        };
        let stream = self.add(&query.target.text, schema, kind, Vec::new());
        self.streams[stream].carries = carries;
        stream
    }

    /// The stream that gets rows without a key of their partition.
    pub(super) fn unmatched_stream(&mut self, name: &Name, of: &StreamPlan) -> Option<usize> {
        let (schema, input) = (of.schema.clone(), of.name.clone());
        let own = self.find(&Name {
            text: input.to_string(),
            span: name.span,
        });
        self.stream_aside(name, own.into_iter(), schema, |name| {
            let message = format!("stream {name} cannot take the rows of {input} without a key");
            let remedy = format!(
                "name a stream of its own, with the columns of {input}: 'unmatched.{input}'='…'"
            );
            (message, remedy)
        })
    }

    /// The query that fills an aggregation, and what is read of that.
    fn aggregation(
        &mut self,
        query: &Query,
        def: &AggregationDef,
        inputs: &[usize],
    ) -> Option<QueryPlan> {
        let name = &query.target;
        if self.find(name).is_some() {
            let message = format!("aggregation {} is declared twice", name.text);
            let fault = Fault::new(name.span, message);
            self.faults
                .push(fault.help("remove one of the declarations"));
            return None;
        }
        let schema = &self.streams[inputs[0]].schema;
        let filling = aggregation::filling(query, schema, self.catalogue);
        let (mut plan, shown) = bind_query(self, &filling, 0, inputs, None, None)?;
        let before = self.faults.len();
        aggregation::check(query, &plan, &mut self.faults);
        let schema = aggregation::schema_of(&shown, name, &mut self.faults);
        let info = Arc::clone(&plan.rollup.as_ref()?.info);
        if self.faults.len() > before {
            return None;
        }
        let kind = StreamKind::Table(self.tables.len());
        let shape = aggregation::shape_of(&schema, &plan.keys, &plan.outputs);
        plan.target = self.add(&name.text, schema, kind, Vec::new());
        self.streams[plan.target].rollup = Some(info);
        plan.name = format!("aggregation {}", name.text);
        plan.identity = plan.identity.of_aggregation(name, def, self.text);
        self.tables.push(TablePlan {
            name: name.text.as_str().into(),
            stream: plan.target,
            shape,
            identity: QueryIdentity::of_view(name),
            is_view: true,
        });
        Some(plan)
    }

    /// The stream that is told of runs that WITHIN has ended: it has columns of these names and types.
    fn timeout_stream(
        &mut self,
        name: &Name,
        query: &QueryPlan,
        attributes: Vec<(String, Type)>,
    ) -> Option<usize> {
        let mut seen = HashSet::new();
        let mut names = attributes.iter().map(|(name, _)| name.to_ascii_lowercase());
        if let Some(twice) = names.find(|name| !seen.insert(name.clone())) {
            let message = format!("two columns of {} are named '{twice}'", name.text);
            let remedy =
                "it has the columns of SELECT and the time of each named term: name one otherwise";
            self.faults
                .push(Fault::new(name.span, message).help(remedy));
            return None;
        }
        let schema = Schema::new(attributes);
        self.stream_aside(name, used_by(query), schema, |name| {
            let message = format!("stream {name} cannot take the runs that WITHIN has ended");
            let remedy = "name a stream of its own; it has the columns of SELECT, then the time of each named term";
            (message, remedy.to_string())
        })
    }

    /// The stream that gets the rows which come too late for a query: it has the columns of the query's source.
    fn late_stream(&mut self, name: &Name, query: &QueryPlan) -> Option<usize> {
        if !query.has_late_rows() {
            let message = "no row comes too late for this query: it has no window of time";
            let fault = Fault::new(name.span, message).help("remove late.stream");
            self.faults.push(fault);
            return None;
        }
        if query.sources.len() > 1 {
            let fault = Fault::new(name.span, "late.stream needs a query of one source");
            let remedy =
                "read each source by a query with a late stream, and join what these write";
            self.faults.push(fault.help(remedy));
            return None;
        }
        let source = query.only_source().stream;
        let schema = self.streams[source].schema.clone();
        let input = self.streams[source].name.clone();
        self.stream_aside(name, used_by(query), schema, |name| {
            let message = format!("stream {name} cannot take the late rows of {input}");
            let remedy = format!("name a stream of its own, with the columns of {input}");
            (message, remedy)
        })
    }

    /// A stream that a query writes beside its target. `used`: the streams that it reads and writes. `wrong`: what is
    /// said, and the remedy, where the one of this name is another's or has other columns.
    fn stream_aside(
        &mut self,
        name: &Name,
        mut used: impl Iterator<Item = usize>,
        schema: Schema,
        wrong: impl Fn(&str) -> (String, String),
    ) -> Option<usize> {
        if is_inner(name) {
            let fault = Fault::new(name.span, "this is no inner stream: its rows have no key");
            self.faults.push(fault.help("name a stream without '#'"));
            return None;
        }
        let Some(place) = self.find(name) else {
            let counted = self.columns.add(schema.len(), name.span);
            counted.map_err(|fault| self.faults.push(fault)).ok()?;
            return Some(self.add(&name.text, schema, StreamKind::Stream, Vec::new()));
        };
        let types = |s: &Schema| s.attributes().iter().map(|a| a.ty).collect::<Vec<_>>();
        let is_own = used.any(|stream| stream == place);
        let is_own = is_own || !matches!(self.streams[place].kind, StreamKind::Stream);
        if is_own || types(&self.streams[place].schema) != types(&schema) {
            let (message, remedy) = wrong(&name.text);
            self.faults
                .push(Fault::new(name.span, message).help(remedy));
            return None;
        }
        Some(place)
    }
}

/// The streams that a query reads and writes.
fn used_by(query: &QueryPlan) -> impl Iterator<Item = usize> {
    query
        .sources
        .iter()
        .map(|s| s.stream)
        .chain(query.written())
}

/// Where a query stands in the text.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Its place among the queries of the text; none where it fills a named window.
    number: Option<usize>,
    /// The partition in which it stands.
    partition: Option<usize>,
}

/// The queries in the order of the text, each with its place. `filling`: those that fill windows, in their order;
/// `inside`: those in partitions.
fn in_order<'a>(
    app: &'a App,
    filling: &'a [Query],
    inside: &'a [Vec<Query>],
) -> (Vec<&'a Query>, Vec<Place>) {
    let (mut written, mut filling) = (0.., filling.iter());
    let mut inside = inside.iter().enumerate();
    let (mut queries, mut places) = (Vec::new(), Vec::new());
    for statement in &app.statements {
        match statement {
            Statement::Query(query) => {
                queries.push(query);
                places.push(Place {
                    number: written.next(),
                    partition: None,
                });
            }
            Statement::Partition(_) => {
                let Some((partition, own)) = inside.next() else {
                    continue;
                };
                for query in own {
                    queries.push(query);
                    places.push(Place {
                        number: written.next(),
                        partition: Some(partition),
                    });
                }
            }
            Statement::Aggregation(query) => {
                queries.push(query);
                places.push(Place::default());
            }
            Statement::Window(_) | Statement::Trigger(_) => {
                queries.extend(filling.next());
                places.push(Place::default());
            }
            Statement::Stream(_) | Statement::Table(_) => {}
        }
    }
    (queries, places)
}

/// The stream of what is inserted into a named window. No name that can be written is equal to it.
fn entering(window: &Name) -> String {
    format!("{} (entering)", window.text)
}

/// The query that fills a named window with what is inserted into it, or that fires a trigger.
fn fills(statement: &Statement) -> Option<Query> {
    let (name, text, window) = match statement {
        Statement::Window(def) => (&def.name, entering(&def.name), Some(def.window.clone())),
        Statement::Trigger(def) => (&def.name, ticking(&def.name), None),
        Statement::Stream(_)
        | Statement::Table(_)
        | Statement::Aggregation(_)
        | Statement::Partition(_)
        | Statement::Query(_) => return None,
    };
    let (events, span) = match statement {
        Statement::Window(def) => (def.events, def.window.span),
        _ => (Events::Current, name.span),
    };
    let source = Source {
        stream: Name {
            text,
            span: name.span,
        },
        alias: None,
        filters: Vec::new(),
        window,
        unidirectional: None,
        reach: None,
        whole: false,
    };
    Some(Query {
        name: None,
        late_stream: None,
        span,
        target: name.clone(),
        action: Action::Insert,
        events,
        distinct: None,
        select: vec![SelectItem::Star(name.span)],
        sources: vec![source],
        joins: Vec::new(),
        pattern: None,
        filter: None,
        group_by: Vec::new(),
        having: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
        rate: None,
        aggregation: None,
    })
}

/// Queries that read streams which are not known yet.
struct Unread {
    /// By the name of a stream, in lower case.
    readers: HashMap<String, Vec<usize>>,
    /// By query, how many of its sources are not known.
    missing: Vec<usize>,
}

impl Unread {
    fn new(queries: &[&Query]) -> Self {
        let mut readers: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, query) in queries.iter().enumerate() {
            for source in &query.sources {
                let name = source.stream.text.to_ascii_lowercase();
                readers.entry(name).or_default().push(place);
            }
        }
        let missing = queries.iter().map(|q| q.sources.len());
        Unread {
            readers,
            missing: missing.collect(),
        }
    }

    /// A stream is known. Returns the queries of which it was the last.
    fn known(&mut self, stream: &str) -> impl Iterator<Item = usize> {
        let readers = self.readers.remove(stream).unwrap_or_default();
        let mut complete = Vec::new();
        for query in readers {
            self.missing[query] -= 1;
            if self.missing[query] == 0 {
                complete.push(query);
            }
        }
        complete.into_iter()
    }

    /// Those that are left, in the order of the text.
    fn queries(self) -> Vec<usize> {
        let all = self.missing.iter().enumerate();
        let left = all.filter(|(_, missing)| **missing > 0);
        left.map(|(query, _)| query).collect()
    }
}
