//! `CREATE TABLE` → its columns, keys and options.

use super::streams::Planner;
use super::{QueryIdentity, TablePlan};
use crate::error::Fault;
use crate::event::Schema;
use crate::operator::table::Shape;
use crate::sql::ast::{Name, Span, TableDef};
use crate::sql::duration_text;

/// The options that say how the rows of a table are held; others say where they come from.
const OPTIONS: [&str; 2] = ["index", "ttl"];

/// Whether an option says how the rows of a table are held.
pub(super) fn is_of_rows(option: &str) -> bool {
    OPTIONS.iter().any(|own| option.eq_ignore_ascii_case(own))
}

/// Reads what a CREATE TABLE says; `schema`: its attributes.
pub(super) fn table(
    planner: &mut Planner<'_>,
    def: &TableDef,
    schema: &Schema,
    stream: usize,
) -> TablePlan {
    let mut reader = Reader {
        def,
        schema,
        faults: Vec::new(),
    };
    reader.check_options();
    let key = reader.key();
    let mut indexes = Vec::new();
    let mut ttl_us = None;
    for (option, value) in &def.options {
        match option.text.to_ascii_lowercase().as_str() {
            "index" => indexes.extend(reader.indexes(value)),
            "ttl" => ttl_us = reader.ttl_us(value),
            _ => {}
        }
    }
    planner.faults.append(&mut reader.faults);
    TablePlan {
        name: def.name.text.as_str().into(),
        stream,
        identity: QueryIdentity::of_table(def, schema, &key),
        shape: Shape {
            types: schema.attributes().iter().map(|a| a.ty).collect(),
            primary: (!key.is_empty()).then_some(key),
            indexes,
            ttl_us,
        },
        is_view: false,
    }
}

struct Reader<'a> {
    def: &'a TableDef,
    schema: &'a Schema,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Faults of options that are given twice.
    fn check_options(&mut self) {
        let options = &self.def.options;
        for (place, (option, _)) in options.iter().enumerate() {
            let same = |name: &str| name.eq_ignore_ascii_case(&option.text);
            if is_of_rows(&option.text) && options[..place].iter().any(|(o, _)| same(&o.text)) {
                let message = format!("'{}' is given twice", option.text);
                let fault = Fault::new(option.span, message);
                self.faults.push(fault.help("remove one of them"));
            }
        }
    }

    /// The columns of the primary key.
    fn key(&mut self) -> Vec<usize> {
        let names = &self.def.key;
        let found = names.iter().filter_map(|n| self.place(&n.text, n.span));
        let key: Vec<usize> = found.collect();
        if let [first, ..] = names.as_slice() {
            self.check_twice(&key, "the primary key", first.span);
        }
        key
    }

    /// The indexes that the option says, each with its columns.
    fn indexes(&mut self, value: &Name) -> Vec<Vec<usize>> {
        let Some(lists) = listed(&value.text) else {
            let message = format!("'{}' is no list of attributes", value.text);
            let remedy = "write 'index'='a, (b, c)': an index of a, and one of b and c";
            self.faults
                .push(Fault::new(value.span, message).help(remedy));
            return Vec::new();
        };
        let mut indexes = Vec::new();
        for names in lists {
            let found = names.iter().filter_map(|n| self.place(n, value.span));
            let columns: Vec<usize> = found.collect();
            self.check_twice(&columns, "the index", value.span);
            indexes.push(columns);
        }
        indexes
    }

    fn ttl_us(&mut self, value: &Name) -> Option<i64> {
        let us = duration_text(value).ok().filter(|us| *us > 0);
        if us.is_none() {
            let message = format!("'{}' is no duration", value.text);
            let fault = Fault::new(value.span, message);
            self.faults.push(fault.help("write 'ttl'='1 HOUR'"));
        }
        us
    }

    /// The column of this name.
    fn place(&mut self, name: &str, span: Span) -> Option<usize> {
        let found = self.schema.position(name);
        if found.is_none() {
            let message = format!("unknown attribute '{name}' of table {}", self.def.name.text);
            let known = self.schema.attributes().iter().map(|a| &*a.name);
            self.faults
                .push(Fault::new(span, message).nearest(name, known));
        }
        found
    }

    /// That a key or index names no attribute twice.
    fn check_twice(&mut self, columns: &[usize], what: &str, span: Span) {
        let again = (1..columns.len()).find(|i| columns[..*i].contains(&columns[*i]));
        if let Some(again) = again {
            let name = &self.schema.attributes()[columns[again]].name;
            let message = format!("{what} names {name} twice");
            self.faults
                .push(Fault::new(span, message).help("remove one of them"));
        }
    }
}

/// The indexes of `'a, (b, c)'`; `None` where it is no such list.
fn listed(text: &str) -> Option<Vec<Vec<String>>> {
    let mut indexes = Vec::new();
    let mut rest = text.trim();
    loop {
        let (group, behind) = match rest.strip_prefix('(') {
            Some(inner) => inner.split_once(')')?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        let columns: Vec<String> = group.split(',').map(|c| c.trim().to_string()).collect();
        if columns.iter().any(String::is_empty) {
            return None;
        }
        indexes.push(columns);
        rest = behind.trim_start();
        if rest.is_empty() {
            return Some(indexes);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}
