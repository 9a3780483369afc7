//! `INSERT INTO S VALUES (…), (…);`: rows that are typed.
//!
//! The language has no VALUES, as rows come from outside; here the shell is the outside. Values are computed by the
//! engine: they are what a question to a table of one row answers.

use super::feed::Piece;
use super::kept::{Kept, Known, quoted};
use super::told::Wrong;
use eventflux::event::{Schema, Type};
use eventflux::{EventFluxAppRuntime, EventFluxManager, RuntimeConfig, Value, Workers};

/// The row whose time stands among its columns.
const TIMES: [&str; 2] = ["at", "timestamp"];

/// A row that was typed.
#[derive(Clone)]
pub struct TypedRow {
    /// The stream or the table.
    pub into: String,
    /// Its time in ms, if that was said.
    pub at: Option<i64>,
    /// A value for each column.
    pub values: Vec<Value>,
}

/// A statement as it was read.
struct Insert<'t> {
    into: String,
    columns: Option<Vec<String>>,
    rows: Vec<Vec<&'t str>>,
}

/// The rows of a statement; none where it is no INSERT … VALUES.
pub fn rows(piece: &Piece, kept: &Kept) -> Option<Result<Vec<TypedRow>, Wrong>> {
    let insert = read(&piece.text)?;
    Some(
        insert
            .and_then(|insert| evaluated(&insert, kept))
            .map_err(Wrong::Other),
    )
}

/// A part of a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'t> {
    Word(&'t str),
    Quoted(&'t str),
    /// What stands between parentheses.
    Group(&'t str),
    Sign(char),
}

fn read(text: &str) -> Option<Result<Insert<'_>, String>> {
    let parts = parts(text);
    let is = |at: usize, word: &str| match parts.get(at) {
        Some(Token::Word(w)) => w.eq_ignore_ascii_case(word),
        _ => false,
    };
    let into = match (is(0, "INSERT") && is(1, "INTO"), parts.get(2)) {
        (true, Some(Token::Word(name))) => name.to_string(),
        (true, Some(Token::Quoted(name))) => name.replace("\"\"", "\""),
        _ => return None,
    };
    let (columns, behind) = match parts.get(3) {
        Some(Token::Group(columns)) if is(4, "VALUES") => {
            let names = separated(columns).into_iter();
            let names = names.map(|n| n.trim_matches('"').replace("\"\"", "\""));
            (Some(names.collect()), 5)
        }
        _ if is(3, "VALUES") => (None, 4),
        _ => return None,
    };
    let mut rows = Vec::new();
    let mut rest = parts[behind..].iter();
    loop {
        match rest.next() {
            Some(Token::Group(values)) => rows.push(separated(values)),
            _ => {
                return Some(Err(
                    "write INSERT INTO S VALUES (1, 'a'), (2, 'b');".to_string()
                ));
            }
        }
        match rest.next() {
            Some(Token::Sign(',')) => {}
            Some(Token::Sign(';')) | None => break,
            _ => {
                return Some(Err(
                    "',' or ';' is expected behind each row of VALUES".to_string()
                ));
            }
        }
    }
    Some(Ok(Insert {
        into,
        columns,
        rows,
    }))
}

/// The parts of a statement, without comments.
fn parts(text: &str) -> Vec<Token<'_>> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |e| e + 2),
            '\'' | '"' => quote_end(rest, first),
            '(' => group_end(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (part, behind) = rest.split_at(end);
        match first {
            '-' | '/' if part.len() > 1 => {}
            '"' if part.len() > 1 => parts.push(Token::Quoted(&part[1..part.len() - 1])),
            '(' if part.ends_with(')') => parts.push(Token::Group(&part[1..part.len() - 1])),
            c if is_word(c) => parts.push(Token::Word(part)),
            c => parts.push(Token::Sign(c)),
        }
        rest = behind.trim_start();
    }
    parts
}

/// The place behind the quote that closes the first one. Two of them are one inside, which a second part begins with.
fn quote_end(text: &str, quote: char) -> usize {
    let mut from = 1;
    loop {
        let Some(found) = text[from..].find(quote) else {
            return text.len();
        };
        from += found + 1;
        if !text[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
}

/// The place behind the parenthesis that closes the first one.
fn group_end(text: &str) -> usize {
    let mut open = 0_usize;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\'' | '"' => {
                at += quote_end(&text[at..], c);
                continue;
            }
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        at += c.len_utf8();
        if open == 0 {
            return at;
        }
    }
    text.len()
}

/// What stands between commas.
fn separated(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(c) = text[at..].chars().next() {
        at += match c {
            '\'' | '"' => quote_end(&text[at..], c),
            '(' => group_end(&text[at..]),
            ',' => {
                all.push(text[from..at].trim());
                from = at + 1;
                1
            }
            c => c.len_utf8(),
        };
    }
    all.push(text[from..].trim());
    all
}

fn evaluated(insert: &Insert<'_>, kept: &Kept) -> Result<Vec<TypedRow>, String> {
    let Some(known) = kept.find(&insert.into) else {
        let name = quoted(&insert.into);
        return Err(format!(
            "there is no {}: CREATE STREAM {name} (…); first",
            insert.into
        ));
    };
    match known.word() {
        "stream" | "table" => {}
        other => {
            return Err(format!(
                "{} is a {other}: rows are typed into streams and tables",
                known.name
            ));
        }
    }
    let schema = &known.schema;
    let places = places(insert, known)?;
    let one = one_row()?;
    let mut rows = Vec::new();
    for values in &insert.rows {
        if values.len() != places.len() {
            let (found, want) = (values.len(), places.len());
            let columns = known.columns();
            return Err(format!(
                "a row has {found} values for {want} columns: {} {columns}",
                known.name
            ));
        }
        let mut row = TypedRow {
            into: known.name.clone(),
            at: None,
            values: vec![Value::Null; schema.attributes().len()],
        };
        for (text, place) in values.iter().zip(&places) {
            let (name, ty) = match place {
                Some(place) => (
                    &*schema.attributes()[*place].name,
                    schema.attributes()[*place].ty,
                ),
                None => ("at", Type::Long),
            };
            let value = value(&one, text, ty).map_err(|why| format!("{name}: {why}"))?;
            match (place, value) {
                (Some(place), value) => row.values[*place] = value,
                (None, Value::Long(at)) => row.at = Some(at),
                (None, _) => {}
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// For each value of a row the column that it is of; none for its time.
fn places(insert: &Insert<'_>, known: &Known) -> Result<Vec<Option<usize>>, String> {
    let attributes = known.schema.attributes();
    let Some(columns) = &insert.columns else {
        return Ok((0..attributes.len()).map(Some).collect());
    };
    let find = |name: &String| {
        let found = attributes
            .iter()
            .position(|a| a.name.eq_ignore_ascii_case(name));
        let is_time =
            TIMES.iter().any(|t| t.eq_ignore_ascii_case(name)) && known.word() == "stream";
        match (found, is_time) {
            (None, false) => Err(format!(
                "{} has no column {name}: {}",
                known.name,
                known.columns()
            )),
            (found, _) => Ok(found),
        }
    };
    columns.iter().map(find).collect()
}

/// An app that can be asked for anything.
fn one_row() -> Result<EventFluxAppRuntime, String> {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    // No value names this column.
    let app = "CREATE TABLE One (\"nothing to see\" INT);";
    let runtime = EventFluxManager::new().create_with(app, config);
    let runtime = runtime.map_err(|e| e.to_string())?;
    let loaded = runtime.load_table("One", [(1,)]);
    loaded.map_err(|e| e.to_string())?;
    Ok(runtime)
}

/// What an expression is worth in a type.
fn value(one: &EventFluxAppRuntime, text: &str, ty: Type) -> Result<Value, String> {
    if text.eq_ignore_ascii_case("NULL") {
        return Ok(Value::Null);
    }
    // On a line of its own: a comment may stand behind it.
    let question = format!("SELECT ({text}\n) AS v, CAST(({text}\n) AS {ty}) AS c FROM One");
    let answer = one.query(&question).map_err(|e| match &e {
        eventflux::QueryError::Text(e) => {
            let mut told = e.problems().iter().map(|p| p.message.clone());
            format!("{text}: {}", told.next().unwrap_or_default())
        }
        e => e.to_string(),
    })?;
    let row = answer.batch().row(0);
    let [given, cast] = row.as_slice() else {
        return Err(format!("{text} is no value"));
    };
    let whole = |v: f64| v.fract() == 0.0;
    let fits = match (given, ty) {
        (Value::Null, _) => true,
        (Value::String(_), Type::String) | (Value::Bool(_), Type::Bool) => true,
        (Value::String(_) | Value::Bool(_), _) | (_, Type::String | Type::Bool) => false,
        (Value::Double(v), Type::Int | Type::Long) => whole(*v),
        (Value::Float(v), Type::Int | Type::Long) => whole(f64::from(*v)),
        _ => true,
    };
    match fits && (*given == Value::Null || *cast != Value::Null) {
        true => Ok(cast.clone()),
        false => Err(format!("{text} is no {ty}")),
    }
}

impl TypedRow {
    /// As a line of events.
    pub fn line(&self, schema: &Schema) -> String {
        let mut row = serde_json::Map::new();
        for (attribute, value) in schema.attributes().iter().zip(&self.values) {
            row.insert(attribute.name.to_string(), json(value));
        }
        let mut event = serde_json::json!({"stream": self.into, "row": row});
        if let (Some(at), Some(event)) = (self.at, event.as_object_mut()) {
            event.insert("at".to_string(), at.into());
        }
        format!("{event}\n")
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(v) => (*v).into(),
        Value::Int(v) => (*v).into(),
        Value::Long(v) => (*v).into(),
        Value::Float(v) => (*v).into(),
        Value::Double(v) => (*v).into(),
        Value::String(v) => v.as_str().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_are_typed() {
        let shown = |text: &str| match read(text) {
            None => "none".to_string(),
            Some(Err(why)) => why,
            Some(Ok(i)) => format!(
                "{} {:?} {:?}",
                i.into,
                i.columns.unwrap_or_default(),
                i.rows
            ),
        };
        for (text, want) in [
            ("INSERT INTO O SELECT v FROM S;", "none"),
            ("INSERT INTO O (a) SELECT v FROM S;", "none"),
            (
                "insert into O values (1, 'a,)''', f(2, 3));",
                r#"O [] [["1", "'a,)'''", "f(2, 3)"]]"#,
            ),
            (
                "-- c\nINSERT INTO \"a\"\"b\" (x, \"y\") VALUES (1),\n(2) ;",
                r#"a"b ["x", "y"] [["1"], ["2"]]"#,
            ),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
        for wrong in [
            "INSERT INTO O VALUES",
            "INSERT INTO O VALUES (1",
            "INSERT INTO O VALUES (1) (2);",
            "INSERT INTO O VALUES 'é",
        ] {
            assert!(read(wrong).is_some_and(|r| r.is_err()), "{wrong}");
        }
    }
}
