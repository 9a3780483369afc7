//! Texts that ask for much, of any size. Shared with `tools/stress`, which makes each as large as a text may be.

/// A way to ask for much.
pub struct Shape {
    pub name: &'static str,
    /// How much of it is asked for here.
    pub count: usize,
    pub text: fn(usize) -> String,
    /// What the answer to this much says; empty for one that is right.
    pub told: &'static str,
}

const S: &str = "CREATE STREAM S (v INT);";

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for i in 0..count {
        text += &part(i);
    }
    text
}

/// So many parts with a comma between them.
fn listed(count: usize, part: impl Fn(usize) -> String) -> String {
    let comma = |i: usize| if i > 0 { "," } else { "" };
    repeated(count, |i| comma(i).to_string() + &part(i))
}

fn columns_of(count: usize) -> String {
    listed(count, |i| format!("c{i} INT"))
}

fn wide(count: usize) -> String {
    format!("CREATE STREAM S ({});", columns_of(count))
}

fn select(what: &str) -> String {
    format!("{S} INSERT INTO O SELECT {what} FROM S;")
}

/// A query of a text column `t` and an integer `v`.
fn of_text(what: &str) -> String {
    format!("CREATE STREAM S (v LONG, t STRING); INSERT INTO O SELECT {what} FROM S;")
}

/// The same with something behind the stream.
fn behind(what: &str, clauses: &str) -> String {
    format!("{S} INSERT INTO O SELECT {what} FROM S {clauses};")
}

fn many(count: usize, part: impl Fn(usize) -> String) -> String {
    S.to_string() + &repeated(count, part)
}

fn chain(i: usize) -> String {
    format!("INSERT INTO S{} SELECT v FROM S{i};", i + 1)
}

/// A sum of 399 terms.
fn sum() -> String {
    ["v"; 399].join("+")
}

fn shape(name: &'static str, count: usize, text: fn(usize) -> String, told: &'static str) -> Shape {
    Shape {
        name,
        count,
        text,
        told,
    }
}

pub fn shapes() -> Vec<Shape> {
    let parts = [
        faults(),
        columns(),
        long_words(),
        queries(),
        depth(),
        values(),
        clauses(),
        blanks(),
    ];
    parts.into_iter().flatten().collect()
}

#[rustfmt::skip]
fn faults() -> Vec<Shape> {
    let more = "more than 50 errors";
    vec![
        shape("one column many times", 30_000, |n| format!("CREATE STREAM S ({});", vec!["c INT"; n].join(",")), more),
        shape("wrong queries", 10_000, |n| many(n, |_| "INSERT INTO O SELECT x FROM S;".into()), more),
        shape("wrong expressions", 9_000, |n| many(n, |i| format!("INSERT INTO O SELECT v+x{i} FROM S;")), more),
        shape("queries of one name", 5_000, |n| many(n, |_| "@info(name='a') INSERT INTO O SELECT v FROM S;".into()), more),
        shape("streams declared twice", 12_000, |n| S.repeat(n), more),
        shape("unknown streams", 9_000, |n| many(n, |i| format!("INSERT INTO O SELECT v FROM T{i};")), more),
        shape("wrong names beside many", 500, |n| wide(20 * n) + &repeated(n, |i| format!("INSERT INTO O SELECT d{i}{}, e FROM S;", "x".repeat(40))), more),
        shape("wrong types", 9_000, |n| many(n, |_| "INSERT INTO O SELECT v+'a' AS w FROM S;".into()), more),
        shape("warnings", 9_000, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S LIMIT 1;")), ""),
    ]
}

#[rustfmt::skip]
fn columns() -> Vec<Shape> {
    vec![
        shape("wide star, many queries", 10_000, |n| wide(n) + &repeated(n / 10, |i| format!("INSERT INTO O{i} SELECT * FROM S;")), "COLUMNS_MAX"),
        shape("wide star, a chain", 20_000, |n| format!("CREATE STREAM S0 ({});", columns_of(n)) + &repeated(99, |i| format!("INSERT INTO S{} SELECT * FROM S{i};", i + 1)), "COLUMNS_MAX"),
        shape("wide star, late rows", 10_000, |n| wide(n) + &repeated(n / 10, |i| format!("@info(late.stream='L{i}') INSERT INTO O SELECT c0 FROM S WINDOW('time', 1 SECOND);")), "COLUMNS_MAX"),
        shape("wide stream", 24_000, |n| wide(n) + "INSERT INTO O SELECT * FROM S;", ""),
        shape("wide target that does not fit", 24_000, |n| wide(n) + "CREATE STREAM O (a INT); INSERT INTO O SELECT * FROM S; INSERT INTO S SELECT a FROM O;", "attributes, the query gives"),
        shape("columns of one query", 24_000, |n| select(&listed(n, |i| format!("v AS c{i}"))), ""),
        shape("options of a stream", 20_000, |n| format!("CREATE STREAM S (v INT) WITH ({});", listed(n, |i| format!("'k{i}'='v'"))), "error"),
    ]
}

#[rustfmt::skip]
fn long_words() -> Vec<Shape> {
    vec![
        shape("a long wrong name", 400_000, |n| format!("CREATE STREAM S ({} INT); INSERT INTO O SELECT {} FROM S;", "a".repeat(n), "b".repeat(n)), "unknown attribute"),
        shape("a long wrong function", 400_000, |n| select(&format!("{}(v)", "f".repeat(n))), "unknown function"),
        shape("a long wrong statement", 400_000, |n| "x".repeat(n), "expected CREATE STREAM"),
        shape("a long right name", 400_000, |n| select(&format!("v AS \"{}\"", "é".repeat(n))), ""),
        shape("a long text", 900_000, |n| select(&format!("'{}' AS t", "x".repeat(n))), ""),
        shape("quotes in a text", 400_000, |n| select(&format!("'{}' AS t", "''".repeat(n))), ""),
        shape("a long number", 900_000, |n| select(&format!("{} AS n", "9".repeat(n))), "error"),
        shape("a long exponent", 900_000, |n| select(&format!("1e{} AS n", "9".repeat(n))), "error"),
        shape("one line of signs", 100_000, |n| "\u{1b}[2J\u{7}".repeat(n), "expected CREATE STREAM"),
        shape("a long pattern", 100_000, |n| of_text(&format!("t LIKE '{}b' AS b", "%a_".repeat(n))), ""),
        shape("a long pattern of time", 100_000, |n| of_text(&format!("formatDate(v, '{}') AS d", "%Y".repeat(n))), ""),
        shape("a long regular expression", 100_000, |n| of_text(&format!("regexp(t, '{}') AS b", "a?".repeat(n))), "error"),
        shape("a regular expression of groups", 100_000, |n| of_text(&format!("regexp(t, '{}{}') AS b", "(".repeat(n), ")".repeat(n))), "error"),
    ]
}

#[rustfmt::skip]
fn queries() -> Vec<Shape> {
    vec![
        shape("a chain, last first", 10_000, |n| "CREATE STREAM S0 (v INT);".to_string() + &repeated(n, |i| chain(n - 1 - i)), "CHAIN_MAX"),
        shape("a chain, first first", 10_000, |n| "CREATE STREAM S0 (v INT);".to_string() + &repeated(n, chain), "CHAIN_MAX"),
        shape("layers that multiply", 3_000, |n| many(n, |_| "INSERT INTO A SELECT v FROM S;INSERT INTO B SELECT v FROM A;INSERT INTO C SELECT v FROM B;".into()), "FAN_OUT_MAX"),
        shape("queries that feed one another", 5_000, |n| many(n, |i| format!("INSERT INTO S SELECT v+{i} AS v FROM S;")), "CHAIN_MAX"),
        shape("many queries", 9_999, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S;")), ""),
        shape("many queries of one target", 9_999, |n| many(n, |_| "INSERT INTO O SELECT v FROM S;".into()), ""),
        shape("many pairs of queries", 4_999, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S;INSERT INTO P{i} SELECT v FROM O{i};")), ""),
        shape("too many queries", 10_001, |n| many(n, |_| "INSERT INTO O SELECT v FROM S;".into()), "QUERIES_MAX"),
        shape("many windows", 4_000, |n| many(n, |i| format!("INSERT INTO O{i} SELECT sum(v) AS s FROM S WINDOW('length',9);")), ""),
        shape("many windows of conditions", 4_000, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S WINDOW('expression','sum(v)<9');")), ""),
        shape("many windows of panes", 4_000, |n| many(n, |i| format!("INSERT INTO O{i} SELECT sum(v) AS s FROM S WINDOW('hop',1000000,1);")), ""),
        shape("many windows of the clock", 4_000, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S WINDOW('cron','0 0 0 29 2 ?');")), ""),
        shape("many streams of late rows", 4_000, |n| many(n, |i| format!("@info(late.stream='L{i}') INSERT INTO O SELECT v FROM S WINDOW('time',9);")), ""),
        shape("many declared streams", 12_000, |n| repeated(n, |i| format!("CREATE STREAM S{i} (v INT);")), ""),
        shape("many annotations", 12_000, |n| "@app:playback ".repeat(n) + S, "error"),
    ]
}

#[rustfmt::skip]
fn depth() -> Vec<Shape> {
    vec![
        shape("parentheses", 40_000, |n| select(&format!("{}v{}", "(".repeat(n), ")".repeat(n))), "error"),
        shape("open parentheses", 90_000, |n| select(&"(".repeat(n)), "error"),
        shape("NOT", 90_000, |n| select(&format!("{} TRUE AS b", "NOT ".repeat(n))), "error"),
        shape("minus signs", 90_000, |n| select(&format!("{} v AS b", "- ".repeat(n))), "error"),
        shape("calls in calls", 30_000, |n| select(&format!("{}v{} AS a", "abs(".repeat(n), ")".repeat(n))), "error"),
        shape("casts in casts", 20_000, |n| select(&format!("{}v{} AS a", "CAST(".repeat(n), " AS INT)".repeat(n))), "error"),
        shape("cases in cases", 15_000, |n| select(&format!("{}v{} AS a", "CASE WHEN TRUE THEN ".repeat(n), " END".repeat(n))), "error"),
        shape("brackets", 90_000, |n| format!("{S} INSERT INTO O SELECT v FROM S{}", "[".repeat(n)), "error"),
        shape("a chain of operators", 40_000, |n| select(&format!("{} AS a", vec!["v"; n].join("+"))), "chains more than 400 operators"),
        shape("a chain of AND", 40_000, |n| behind("v", &format!("WHERE {}", vec!["TRUE"; n].join(" AND "))), "chains more than 400 operators"),
        shape("a chain of IS NULL", 30_000, |n| select(&format!("v{} AS b", " IS NULL".repeat(n))), "error"),
        shape("selects in selects", 20_000, |n| select(&format!("{}v{}", "(SELECT ".repeat(n), ")".repeat(n))), "error"),
    ]
}

#[rustfmt::skip]
fn values() -> Vec<Shape> {
    vec![
        shape("long texts joined", 1_200, |n| select(&format!("concat({}) AS a", vec!["repeat('x',1000000)"; n].join(","))), ""),
        shape("texts that are folded", 4_000, |n| select(&listed(n, |i| format!("length(repeat('x',4096)) AS a{i}"))), ""),
        shape("an alias that stands for much", 3_000, |n| behind(&format!("{} AS a", sum()), &format!("GROUP BY {}", vec!["a"; n].join(","))), "EXPANDED_NODES_MAX"),
        shape("a number that stands for much", 3_000, |n| behind(&format!("{} AS a", sum()), &format!("GROUP BY {}", vec!["1"; n].join(","))), "EXPANDED_NODES_MAX"),
        shape("an alias high up", 390, |n| behind(&format!("{} AS a", sum()), &format!("HAVING {}a > 1", "1+".repeat(n))), "EXPANDED_HEIGHT_MAX"),
        shape("a list of values", 40_000, |n| behind("v", &format!("WHERE v IN ({})", listed(n, |i| i.to_string()))), "more than 5000 parts"),
        shape("many arguments", 40_000, |n| select(&format!("coalesce({}) AS a", vec!["v"; n].join(","))), "more than 5000 parts"),
        shape("many branches", 15_000, |n| select(&format!("CASE v {} END AS a", repeated(n, |i| format!("WHEN {i} THEN {i} ")))), "more than 5000 parts"),
        shape("many aggregates", 9_000, |n| behind(&listed(n, |i| format!("percentile(v,0.5) AS p{i}")), "WINDOW('length',9)"), ""),
        shape("regular expressions of wide classes", 1_000, |n| of_text(&listed(n, |i| format!("regexp(t,'\\w{{10}}{i}') AS b{i}"))), ""),
        shape("regular expressions in windows", 1_001, |n| many(n, |i| format!("INSERT INTO O{i} SELECT v FROM S WINDOW('expression','RegExp(''{i}'', ''\\w{{10}}'')');")), "REGEXPS_MAX"),
        shape("many regular expressions", 4_000, |n| of_text(&listed(n, |i| format!("regexp(t,'[a-z]{{200}}{i}') AS b{i}"))), "REGEXPS_MAX"),
        shape("many large regular expressions", 4_000, |n| of_text(&listed(n, |i| format!("regexp(t,'(\\w{{30}}){{30}}{i}') AS b{i}"))), "REGEXPS_MAX"),
        shape("many zones", 4_000, |n| of_text(&listed(n, |i| format!("formatDate(v,'%F','Europe/Berlin') AS d{i}"))), ""),
    ]
}

#[rustfmt::skip]
fn clauses() -> Vec<Shape> {
    vec![
        shape("keys of a group", 40_000, |n| behind("v", &format!("GROUP BY {}", vec!["v"; n].join(","))), ""),
        shape("orders", 30_000, |n| behind("v", &format!("WINDOW('lengthBatch',2) ORDER BY {}", vec!["v DESC"; n].join(","))), ""),
        shape("keys of a window", 40_000, |n| behind("v", &format!("WINDOW('unique',{})", vec!["v"; n].join(","))), ""),
        shape("orders of a window", 20_000, |n| behind("v", &format!("WINDOW('sort',2,{})", vec!["v,'desc'"; n].join(","))), ""),
        shape("a long condition of a window", 40_000, |n| behind("v", &format!("WINDOW('expression','{}')", vec!["v>1"; n].join(" AND "))), "error"),
        shape("a window of very many rows", 9, |n| behind("v", &format!("WINDOW('length',{})", "9".repeat(n))), ""),
        shape("filters", 19_000, |n| format!("{S} INSERT INTO O SELECT v FROM S{};", "[v>1]".repeat(n)), ""),
    ]
}

#[rustfmt::skip]
fn blanks() -> Vec<Shape> {
    vec![
        shape("blank lines", 1_000_000, |n| "\n".repeat(n), ""),
        shape("blank lines before an error", 1_000_000, |n| "\r\n".repeat(n / 2) + "x", "error"),
        shape("semicolons", 90_000, |n| ";".repeat(n) + S, ""),
        shape("comments", 60_000, |n| "/**/".repeat(n) + S, ""),
        shape("comments in comments", 60_000, |n| "/*".repeat(n) + S, "error"),
        shape("lines of comments", 60_000, |n| "--\n".repeat(n) + S, ""),
    ]
}
