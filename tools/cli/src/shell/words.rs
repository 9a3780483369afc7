//! Words that are completed: those of the language, names of the app, files.

use std::path::Path;

/// Words of statements.
const KEYWORDS: &[&str] = &[
    "AGGREGATE",
    "AGGREGATION",
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BOOL",
    "BY",
    "CASE",
    "CAST",
    "COUNT",
    "CREATE",
    "CURRENT",
    "DAYS",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DOUBLE",
    "ELSE",
    "END",
    "EVENTS",
    "EVERY",
    "EXPIRED",
    "FALSE",
    "FIRST",
    "FLOAT",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "HOURS",
    "IN",
    "INSERT",
    "INT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LONG",
    "MILLISECONDS",
    "MINUTES",
    "NOT",
    "NULL",
    "OF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OUTPUT",
    "OVER",
    "PARTITION",
    "PATTERN",
    "PER",
    "PRIMARY",
    "RIGHT",
    "SECONDS",
    "SELECT",
    "SEQUENCE",
    "SET",
    "SNAPSHOT",
    "STREAM",
    "STRING",
    "TABLE",
    "THEN",
    "TRIGGER",
    "TRUE",
    "UPDATE",
    "UPSERT",
    "USING",
    "WATERMARK",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHIN",
];

/// Names of windows, which stand in quotes.
const WINDOWS: &[&str] = &[
    "batch",
    "cron",
    "delay",
    "expression",
    "expressionBatch",
    "externalTime",
    "externalTimeBatch",
    "firstUnique",
    "frequent",
    "hop",
    "length",
    "lengthBatch",
    "lossyFrequent",
    "session",
    "sort",
    "time",
    "timeBatch",
    "timeLength",
    "tumbling",
    "unique",
];

/// Those that are no names without quotes.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "AND", "AS", "BETWEEN", "CASE", "DISTINCT", "ELSE", "END", "FALSE", "FROM", "GROUP", "HAVING", "IN", "INSERT", "INTO",
    "IS", "JOIN", "LIKE", "LIMIT", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "SELECT", "THEN", "TRUE", "UNION", "WHEN",
    "WHERE",
];

/// Whether a word is no name without quotes.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|k| k.eq_ignore_ascii_case(word))
}

/// What can stand where a word is completed.
#[derive(Clone, Default)]
pub struct Words {
    /// Names of streams, tables and the like.
    pub names: Vec<String>,
    /// Names of their columns.
    pub columns: Vec<String>,
    /// What can be called.
    pub functions: Vec<String>,
}

impl Words {
    /// Where the word begins that stands before the end of a line, and what it may become.
    pub fn complete(&self, line: &str) -> (usize, Vec<String>) {
        let typed = line.trim_start();
        if typed.starts_with('.') {
            return self.complete_command(line);
        }
        let quotes = line.matches('\'').count();
        if let (1, Some(quote)) = (quotes % 2, line.rfind('\'')) {
            return within_quotes(&line[..quote], &line[quote + 1..], quote + 1);
        }
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let start = line.trim_end_matches(is_part).len();
        let word = &line[start..];
        let before = line[..start].trim_end();
        let before = before
            .rsplit(|c: char| !is_part(c))
            .next()
            .unwrap_or_default();
        let names_only = ["FROM", "JOIN", "INTO"].iter();
        let mut found = matching(&self.names, word);
        if !names_only
            .into_iter()
            .any(|w| w.eq_ignore_ascii_case(before))
        {
            found.extend(matching(&self.columns, word));
            found.extend(matching(&self.functions, word).into_iter().map(|f| f + "("));
        }
        if !word.is_empty() {
            let upper = !word.starts_with(|c: char| c.is_lowercase());
            found.extend(matching(KEYWORDS, word).into_iter().map(|k| match upper {
                true => k,
                false => k.to_ascii_lowercase(),
            }));
        }
        found.sort();
        found.dedup();
        (start, found)
    }

    fn complete_command(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let word = &line[start..];
        let Some(command) = line[..start].split_whitespace().next() else {
            let all = super::commands::COMMANDS.iter().map(|(name, ..)| *name);
            return (
                start,
                all.filter(|name| name.starts_with(word))
                    .map(str::to_string)
                    .collect(),
            );
        };
        let found = match command {
            ".load" | ".save" => files(word),
            ".format" => matching(&["csv", "json", "rows", "table"], word),
            ".timer" => matching(&["off", "on"], word),
            ".functions" => matching(&self.functions, word),
            ".help" => {
                let all = super::commands::COMMANDS.iter().map(|(name, ..)| *name);
                all.filter(|name| name.starts_with(word))
                    .map(str::to_string)
                    .collect()
            }
            ".explain" | ".schema" | ".drop" | ".run" => matching(&self.names, word),
            _ => Vec::new(),
        };
        (start, found)
    }
}

/// What begins with a word, whatever its case.
fn matching<S: AsRef<str>>(known: &[S], word: &str) -> Vec<String> {
    let begins = |k: &str| {
        k.get(..word.len())
            .is_some_and(|k| k.eq_ignore_ascii_case(word))
    };
    let known = known.iter().map(AsRef::as_ref);
    known.filter(|k| begins(k)).map(str::to_string).collect()
}

/// Behind a quote: the name of a window, or of a file.
fn within_quotes(before: &str, word: &str, start: usize) -> (usize, Vec<String>) {
    let before = before.trim_end().to_ascii_uppercase();
    let found = match before.ends_with('(') {
        true => matching(WINDOWS, word),
        false => files(word),
    };
    let closed = found.into_iter().map(|name| match name.ends_with('/') {
        true => name,
        false => name + "'",
    });
    (start, closed.collect())
}

/// Files and folders whose paths begin so.
fn files(word: &str) -> Vec<String> {
    let (folder, name) = match word.rfind('/') {
        Some(slash) => word.split_at(slash + 1),
        None => ("", word),
    };
    let of = if folder.is_empty() { "." } else { folder };
    let Ok(entries) = std::fs::read_dir(Path::new(of)) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let own = entry.file_name().into_string().ok()?;
            let hidden = own.starts_with('.') && !name.starts_with('.');
            let plain = !own.contains(['\'', ' ', '\t']) && !own.contains(char::is_control);
            let end = if entry.path().is_dir() { "/" } else { "" };
            let fits = own.starts_with(name) && !hidden && plain;
            fits.then(|| format!("{folder}{own}{end}"))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_need_quotes_are_known() {
        for word in KEYWORDS.iter().chain(RESERVED) {
            let app = format!("CREATE STREAM S ({word} INT); INSERT INTO O SELECT {word} FROM S;");
            let built = eventflux::EventFluxManager::new().create_eventflux_app_runtime(&app);
            // These would be read as values.
            let is_value = ["FALSE", "NULL", "TRUE"].contains(word);
            assert_eq!(built.is_err() || is_value, is_reserved(word), "{word}");
        }
    }

    #[test]
    fn what_suits_a_place_is_found() {
        let all = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        let words = Words {
            names: all(&["Trades", "Totals"]),
            columns: all(&["sym", "total"]),
            functions: all(&["sum", "substr"]),
        };
        for (line, start, want) in [
            ("SEL", 0, &["SELECT"][..]),
            (
                "select s",
                7,
                &[
                    "seconds", "select", "sequence", "set", "snapshot", "stream", "string",
                    "substr(", "sum(", "sym",
                ],
            ),
            ("SELECT sum(to", 11, &["Totals", "total"]),
            ("SELECT * FROM ", 14, &["Totals", "Trades"]),
            ("SELECT * FROM tr", 14, &["Trades", "trigger", "true"]),
            ("FROM S WINDOW('len", 15, &["length'", "lengthBatch'"]),
            (".lo", 0, &[".load"]),
            (".drop tr", 6, &["Trades"]),
            (".timer o", 7, &["off", "on"]),
            (".nothing x", 9, &[]),
            ("é", 0, &[]),
        ] {
            let (at, found) = words.complete(line);
            assert_eq!(
                (at, found),
                (start, want.iter().map(|w| w.to_string()).collect()),
                "{line}"
            );
        }
        let (_, found) = words.complete("SELECT * FROM 'Cargo");
        assert!(found.contains(&"Cargo.toml'".to_string()), "{found:?}");
        let (_, found) = words.complete(".load sr");
        assert_eq!(found, ["src/"]);
    }
}
