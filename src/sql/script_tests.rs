//! Scripts: what is read of them, and what is wrong with others.

use super::script::Answer;
use super::{Script, parse_script};

fn read(text: &str) -> Result<Script, String> {
    let aggregates = ["sum", "count"];
    let read = parse_script(text, &|name| aggregates.contains(&name));
    read.map_err(|faults| faults[0].message.clone())
}

/// Of the first answer: whether all rows are one window, how many are passed over and wanted.
fn shape(text: &str) -> (bool, u64, Option<u64>) {
    use super::ast::Statement;
    let script = read(text).expect("a script");
    let Some(Statement::Query(query)) = script.app.statements.first() else {
        panic!("{text}: no query");
    };
    let Answer { skip, rows_max, .. } = script.answers[0];
    (query.sources[0].whole, skip, rows_max)
}

#[test]
fn rows_of_a_file_are_one_window_where_all_of_them_count() {
    let of_file = |clauses: &str| shape(&clauses.replace('@', "FROM 'a.csv'"));
    for (text, whole, skip, rows_max) in [
        ("SELECT * @", false, 0, None),
        ("SELECT a @ LIMIT 3 OFFSET 2", false, 2, Some(3)),
        ("SELECT a @ WHERE a > 1 OFFSET 2", false, 2, None),
        ("SELECT sum(a) @", true, 0, None),
        ("SELECT a + count(*) @ LIMIT 3", true, 0, None),
        ("SELECT a @ GROUP BY a", true, 0, None),
        ("SELECT a @ HAVING count() > 1", true, 0, None),
        ("SELECT a @ ORDER BY a LIMIT 3", true, 0, None),
        ("SELECT DISTINCT a, b @ LIMIT 3", true, 0, None),
        ("SELECT DISTINCT a + b @", true, 0, None),
        ("SELECT DISTINCT * @", true, 0, None),
        ("SELECT sum(a) OVER (PARTITION BY b) @", false, 0, None),
        ("SELECT sum(a) @ WINDOW('length', 2)", false, 0, None),
    ] {
        assert_eq!(of_file(text), (whole, skip, rows_max), "{text}");
    }
    let of_stream = shape("SELECT sum(a) FROM S LIMIT 3");
    assert_eq!(
        of_stream,
        (false, 0, Some(3)),
        "the answer is cut, not each row"
    );
}

#[test]
fn files_and_answers_are_told_once() {
    let text = "CREATE STREAM answer (a INT); SELECT a FROM 'it''s.csv'; INSERT INTO Out SELECT a FROM 'b'; \
                SELECT sum(a) FROM 'it''s.csv'; SELECT a FROM answer INSERT INTO B;";
    let script = read(text).expect("a script");
    let files: Vec<&str> = script.files.iter().map(|f| f.text.as_str()).collect();
    assert_eq!(files, ["it's.csv", "b"]);
    let answers: Vec<&str> = script.answers.iter().map(|a| a.stream.as_str()).collect();
    assert_eq!(answers, ["answer_", "answer 2"]);
}

#[test]
fn what_a_script_cannot_say() {
    for (text, message) in [
        ("SELECT a FROM 'a' JOIN S ON 'a'.x = S.x", "expected"),
        (
            "SELECT a FROM 'a' AS l JOIN S ON l.x = S.x",
            "a file is read by a query of its own",
        ),
        ("SELECT a FROM ''", "a file has a name"),
        (
            "SELECT a FROM 'a'; SELECT a FROM 'A'",
            "'a' and 'A' differ by case alone",
        ),
        (
            "SELECT a FROM a.csv",
            "the name of a stream or table has no dot",
        ),
        ("SELECT a FROM 'a' WHERE", "expected an expression"),
        ("INSERT INTO Out", "expected SELECT"),
    ] {
        let told = read(text).expect_err(text);
        assert!(told.starts_with(message), "{text}: {told}");
    }
    let (_, faults) = super::parse("INSERT INTO Out SELECT a FROM 'a.csv';");
    assert_eq!(
        faults[0].message,
        "an app reads streams, and no file by its name"
    );
}
