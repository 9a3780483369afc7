//! The oracle on small apps: what no acceptance case shows.

use super::reader;
use crate::input::{Call, Row};
use crate::oracle::{self, Fault};
use eventflux::event::{Sign, Value};

/// What comes into `Out` from `ms stream value …` lines and `ms` clocks, as `ms sign value …`.
fn answer(app: &str, lines: &[&str]) -> Vec<String> {
    let app = reader::read(&format!("@app:playback {app}"));
    let call = |line: &&str| {
        let mut words = line.split_whitespace();
        let at = words
            .next()
            .expect("a time")
            .parse::<i64>()
            .expect("a time")
            * 1000;
        let Some(stream) = words.next() else {
            return Call::Advance { input: 0, to: at };
        };
        let value = |word: &str| match (word, word.parse::<i64>()) {
            ("-", _) => Value::Null,
            (_, Ok(number)) => Value::Long(number),
            (text, Err(_)) => Value::from(text),
        };
        Call::Send {
            input: 0,
            stream: app
                .streams
                .iter()
                .position(|s| s.name == stream)
                .expect("it is declared"),
            rows: vec![Row {
                at,
                values: words.map(value).collect(),
            }],
        }
    };
    let calls: Vec<Call> = lines.iter().map(call).collect();
    let outputs = oracle::run(&app, &calls, Fault::None);
    let out = app
        .streams
        .iter()
        .position(|s| s.name == "Out")
        .expect("Out is written");
    let text = |o: &oracle::Output| {
        let sign = if o.sign == Sign::Plus { '+' } else { '-' };
        let values: Vec<String> = o.values.iter().map(Value::to_string).collect();
        format!("{} {sign} {}", o.moment.at / 1000, values.join(" "))
    };
    outputs[out].iter().map(text).collect()
}

const AB: &str = "CREATE STREAM A (k STRING, v LONG); CREATE STREAM B (k STRING, v LONG);";

#[test]
fn bounds_keys_and_statements_read_what_they_print() {
    let app = format!(
        "@app:playback(lateness='2 MILLISECONDS') {AB}
         CREATE TABLE T (k STRING, v LONG, PRIMARY KEY (k, v));
         CREATE WINDOW W (k STRING, v LONG) WINDOW('session', 5 MILLISECONDS) OUTPUT EXPIRED EVENTS;
         UPDATE T SET v = T.v + A.v, k = A.k FROM A[v > 1] WHERE T.k = A.k OR T.v <> A.v;
         DELETE FROM T USING B WHERE T.v BETWEEN B.v AND B.v + 1;
         UPSERT INTO T SELECT A.k, A.v FROM A ON T.k = A.k;
         INSERT INTO W SELECT B.k, B.v FROM B[(T.k = k) NOT IN T];
         INSERT ALL EVENTS INTO O SELECT DISTINCT a.v AS v FROM A AS a FULL OUTER JOIN B AS b ON a.k = b.k
         AND eventTimestamp(b) BETWEEN eventTimestamp(a) - 5 MILLISECONDS AND eventTimestamp(a);
         INSERT INTO P SELECT A.v AS v FROM A ASOF LEFT JOIN B ON A.k = B.k WITHIN 3 SECONDS;
         INSERT INTO Q SELECT A.v AS v FROM A WINDOW('length', 1) UNIDIRECTIONAL JOIN T ON A.k = T.k;"
    );
    let app = reader::read(&app);
    assert_eq!(app.queries[4].joins[0].bounds, Some((-5000, 0)));
    let written = app.to_string();
    assert_eq!(reader::read(&written).to_string(), written);
    for words in [
        "PRIMARY KEY (k, v)",
        "OUTPUT EXPIRED EVENTS",
        "SET v = (T.v + A.v), k = A.k FROM A[(v > 1)] WHERE",
        "BETWEEN eventTimestamp(a) - 5 MILLISECONDS AND eventTimestamp(a);",
        "ASOF LEFT JOIN B ON (A.k = B.k) WITHIN 3 SECONDS",
        "[((T.k = k) NOT IN T)]",
    ] {
        assert!(written.contains(words), "{words} is not in\n{written}");
    }
}

#[test]
fn a_pad_goes_before_the_first_pair_and_comes_back_behind_the_last() {
    let app = format!(
        "{AB} INSERT ALL EVENTS INTO Out SELECT A.v, B.v FROM A WINDOW('length', 1)
         FULL JOIN B WINDOW('length', 1) ON A.k = B.k;"
    );
    let rows = answer(&app, &["1 A x 1", "2 B x 2", "3 B y 3"]);
    let want = [
        "1 + 1 NULL",
        "2 - 1 NULL",
        "2 + 1 2",
        "3 - 1 2",
        "3 + 1 NULL",
        "3 + NULL 3",
    ];
    assert_eq!(rows, want);
}

#[test]
fn current_shows_no_pad_that_comes_back() {
    let app = format!(
        "{AB} INSERT INTO Out SELECT A.v, B.v FROM A WINDOW('length', 1)
         LEFT JOIN B WINDOW('length', 1) ON A.k = B.k;"
    );
    let rows = answer(&app, &["1 A x 1", "2 B x 2", "3 B y 3", "4 B x 4"]);
    assert_eq!(rows, ["1 + 1 NULL", "2 + 1 2", "4 + 1 4"]);
}

#[test]
fn a_joined_row_has_the_later_time() {
    let app = format!(
        "{AB} INSERT INTO Out SELECT A.v, B.v FROM A WINDOW('length', 1)
         JOIN B WINDOW('length', 1) ON A.k = B.k;"
    );
    assert_eq!(answer(&app, &["9 A x 1", "5 B x 2"]), ["9 + 1 2"]);
}

#[test]
fn two_flushes_of_one_instant_meet_once() {
    let app = "CREATE STREAM A (v LONG);
         INSERT INTO Out SELECT count() AS n FROM A WINDOW('lengthBatch', 2) AS a
         JOIN A WINDOW('lengthBatch', 2) AS b ON a.v < b.v;";
    let rows = answer(app, &["1 A 1", "2 A 2", "3 A 3", "4 A 4"]);
    assert_eq!(rows, ["2 + 1", "4 + 1"]);
}

#[test]
fn a_bounded_outer_join_pads_when_no_partner_can_come() {
    let app = format!(
        "{AB} INSERT INTO Out SELECT A.v, B.v FROM A LEFT JOIN B ON A.k = B.k
         AND eventTimestamp(B) BETWEEN eventTimestamp(A) AND eventTimestamp(A) + 5 MILLISECONDS;"
    );
    let rows = answer(&app, &["1 A x 1", "2 A y 2", "6 B x 3", "20"]);
    assert_eq!(rows, ["6 + 1 3", "8 + 2 NULL"]);
}

#[test]
fn an_update_with_a_clash_changes_nothing() {
    let app =
        "CREATE STREAM A (k LONG, v LONG); CREATE STREAM U (d LONG); CREATE STREAM Q (q LONG);
         CREATE TABLE T (k LONG PRIMARY KEY, v LONG);
         INSERT INTO T SELECT k, v FROM A; UPDATE T SET k = T.k + U.d FROM U WHERE T.k > 0;
         INSERT INTO Out SELECT T.k, T.v FROM Q JOIN T ON TRUE;";
    let lines = [
        "1 A 0 7", "2 A 1 8", "3 A 2 9", "4 U 1", "5 Q 0", "6 U -1", "7 Q 0",
    ];
    let want = [
        "5 + 0 7", "5 + 2 8", "5 + 3 9", "7 + 0 7", "7 + 1 8", "7 + 2 9",
    ];
    let rows = answer(app, &lines);
    assert_eq!(rows[..3], want[..3]);
    assert_eq!(rows.len(), want.len());
}

#[test]
fn an_upsert_that_finds_nothing_does_not_overwrite_a_key() {
    let app = "CREATE STREAM U (k LONG, v LONG); CREATE STREAM Q (q LONG);
         CREATE TABLE T (k LONG PRIMARY KEY, v LONG);
         UPSERT INTO T SELECT k, v FROM U ON T.v = U.v;
         INSERT INTO Out SELECT T.k, T.v FROM Q JOIN T ON TRUE;";
    let lines = ["1 U 1 7", "2 U 1 8", "3 U - 9", "4 U 2 7", "5 Q 0"];
    assert_eq!(answer(app, &lines), ["5 + 2 7"]);
}

#[test]
fn a_named_window_feeds_a_join_with_what_it_holds() {
    let app = format!(
        "{AB} CREATE WINDOW W (k STRING, v LONG) WINDOW('length', 1);
         INSERT INTO W SELECT k, v FROM B;
         INSERT ALL EVENTS INTO Out SELECT A.v, W.v FROM A WINDOW('length', 2) JOIN W ON A.k = W.k;"
    );
    let rows = answer(&app, &["1 A x 1", "2 B x 2", "3 B x 3"]);
    assert_eq!(rows, ["2 + 1 2", "3 - 1 2", "3 + 1 3"]);
}
