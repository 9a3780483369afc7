//! Texts that ask for much: `check` answers each within limits that the system sets to its process.

use eventflux_testbed::Scratch;
use std::fmt::Write;
use std::process::{Command, Output};

/// Address space of the process in KiB: 200 MiB.
const MEMORY_KIB: u64 = 200 << 10;
/// Processor time; code that is not optimised takes longer.
const SECONDS: u64 = if cfg!(debug_assertions) { 50 } else { 5 };
const MESSAGE_BYTES: usize = 64 << 10;
/// Apps take up to 1 MiB.
const TEXT_BYTES: usize = 1 << 20;

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for i in 0..count {
        text += &part(i);
    }
    text
}

fn columns(count: usize) -> String {
    repeated(count, |i| {
        format!("{}c{i} INT", if i > 0 { "," } else { "" })
    })
}

/// Name, text, and what the answer says; empty for one that is right.
#[rustfmt::skip]
fn apps() -> Vec<(&'static str, String, &'static str)> {
    let s = "CREATE STREAM S (v INT);";
    let wide = |n: usize| format!("CREATE STREAM S ({});", columns(n));
    let name = |c: &str| c.repeat(400_000);
    let select = |what: &str| format!("{s} INSERT INTO O SELECT {what} FROM S;");
    let many = |count: usize, part: &dyn Fn(usize) -> String| s.to_string() + &repeated(count, part);
    let layers = "INSERT INTO A SELECT v FROM S;INSERT INTO B SELECT v FROM A;INSERT INTO C SELECT v FROM B;";
    let chain = |i: usize| format!("INSERT INTO S{} SELECT v FROM S{i};", i + 1);
    let sum = ["v"; 399].join("+");
    let length = |i: usize| format!("{}length(repeat('x',4096)) AS a{i}", if i > 0 { "," } else { "" });
    vec![
        ("one column 30,000 times", format!("CREATE STREAM S ({});", vec!["c INT"; 30_000].join(",")), "more than 50 errors"),
        ("wrong queries", many(10_000, &|_| "INSERT INTO O SELECT x FROM S;".into()), "more than 50 errors"),
        ("wrong expressions", many(9_000, &|i| format!("INSERT INTO O SELECT v+x{i} FROM S;")), "more than 50 errors"),
        ("queries of one name", many(5_000, &|_| "@info(name='a') INSERT INTO O SELECT v FROM S;".into()), "more than 50 errors"),
        ("streams declared twice", s.repeat(12_000), "more than 50 errors"),
        ("unknown streams", many(9_000, &|i| format!("INSERT INTO O SELECT v FROM T{i};")), "more than 50 errors"),
        ("wide star, many queries", wide(10_000) + &repeated(1_000, |i| format!("INSERT INTO O{i} SELECT * FROM S;")), "COLUMNS_MAX"),
        ("wide star, a chain", format!("CREATE STREAM S0 ({});", columns(20_000)) + &repeated(99, |i| format!("INSERT INTO S{} SELECT * FROM S{i};", i + 1)), "COLUMNS_MAX"),
        ("wide star, late rows", wide(10_000) + &repeated(1_000, |i| format!("@info(late.stream='L{i}') INSERT INTO O SELECT c0 FROM S WINDOW('time', 1 SECOND);")), "COLUMNS_MAX"),
        ("wide stream", wide(24_000) + "INSERT INTO O SELECT * FROM S;", ""),
        ("wide target that does not fit", wide(24_000) + "CREATE STREAM O (a INT); INSERT INTO O SELECT * FROM S; INSERT INTO S SELECT a FROM O;", "attributes, the query gives"),
        ("wrong names beside many", wide(10_000) + &repeated(500, |i| format!("INSERT INTO O SELECT d{i}{}, e FROM S;", "x".repeat(40))), "more than 50 errors"),
        ("a long wrong name", format!("CREATE STREAM S ({} INT); INSERT INTO O SELECT {} FROM S;", name("a"), name("b")), "unknown attribute"),
        ("a long wrong function", select(&format!("{}(v)", name("f"))), "unknown function"),
        ("a long wrong statement", name("x"), "expected CREATE STREAM"),
        ("a long right name", select(&format!("v AS \"{}\"", name("é"))), ""),
        ("long texts joined", select(&format!("concat({}) AS a", vec!["repeat('x',1000000)"; 1_200].join(","))), ""),
        ("texts that are folded", select(&repeated(4_000, length)), ""),
        ("an alias that stands for much", format!("{} GROUP BY {};", select(&format!("{sum} AS a")).trim_end_matches(';'), vec!["a"; 3_000].join(",")), "EXPANDED_NODES_MAX"),
        ("a number that stands for much", format!("{} GROUP BY {};", select(&format!("{sum} AS a")).trim_end_matches(';'), vec!["1"; 3_000].join(",")), "EXPANDED_NODES_MAX"),
        ("an alias high up", format!("{} HAVING {}a > 1;", select(&format!("{sum} AS a")).trim_end_matches(';'), "1+".repeat(390)), "EXPANDED_HEIGHT_MAX"),
        ("a chain, last first", "CREATE STREAM S0 (v INT);".to_string() + &repeated(10_000, |i| chain(9_999 - i)), "CHAIN_MAX"),
        ("a chain, first first", "CREATE STREAM S0 (v INT);".to_string() + &repeated(10_000, chain), "CHAIN_MAX"),
        ("layers that multiply", many(3_000, &|_| layers.into()), "FAN_OUT_MAX"),
        ("queries that feed one another", many(5_000, &|i| format!("INSERT INTO S SELECT v+{i} AS v FROM S;")), "CHAIN_MAX"),
        ("many queries", many(9_999, &|i| format!("INSERT INTO O{i} SELECT v FROM S;")), ""),
        ("many queries of one target", many(9_999, &|_| "INSERT INTO O SELECT v FROM S;".into()), ""),
        ("many pairs of queries", many(4_999, &|i| format!("INSERT INTO O{i} SELECT v FROM S;INSERT INTO P{i} SELECT v FROM O{i};")), ""),
        ("too many queries", many(10_001, &|_| "INSERT INTO O SELECT v FROM S;".into()), "QUERIES_MAX"),
        ("many windows", many(4_000, &|i| format!("INSERT INTO O{i} SELECT sum(v) AS s FROM S WINDOW('length',9);")), ""),
        ("warnings", many(9_000, &|i| format!("INSERT INTO O{i} SELECT v FROM S LIMIT 1;")), ""),
        ("one line of signs", "\u{1b}[2J\u{7}".repeat(100_000), "expected CREATE STREAM"),
    ]
}

fn check(path: &str) -> Output {
    let limits = format!("ulimit -v {MEMORY_KIB}; ulimit -t {SECONDS}; exec \"$0\" check \"$1\"");
    Command::new("sh")
        .args(["-c", &limits, env!("CARGO_BIN_EXE_eventflux"), path])
        .output()
        .expect("there is a shell")
}

#[test]
fn check_answers_within_its_limits() {
    let folder = Scratch::new().expect("a folder");
    let mut failures = String::new();
    for (number, (name, text, part)) in apps().into_iter().enumerate() {
        assert!(text.len() <= TEXT_BYTES, "{name}: {} bytes", text.len());
        let output = check(&folder.file(&format!("{number}.sql"), &text));
        let told = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&told);
        let status = if part.is_empty() { 0 } else { 2 };
        let right = output.status.code() == Some(status)
            && text.contains(part)
            && told.len() <= MESSAGE_BYTES
            && !text.contains(|c: char| c.is_control() && c != '\n');
        if !right {
            let start: String = text.chars().take(300).collect();
            let _ = writeln!(
                failures,
                "{name}: {}, {} bytes: {start}",
                output.status,
                told.len()
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
