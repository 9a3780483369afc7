//! Questions to tables and named windows: text in, rows out, whatever the app does meanwhile.

use eventflux::{
    EventFluxAppRuntime, EventFluxManager, QueryError, QueryResult, RuntimeConfig, RuntimeError,
    Timestamp, Value, Workers,
};
use eventflux_kit::{Random, from_env};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const WORKERS: [Workers; 3] = [Workers::Inline, Workers::Pinned(1), Workers::Pinned(2)];

fn app(text: &str, workers: Workers) -> EventFluxAppRuntime {
    let config = RuntimeConfig::default().workers(workers);
    let app = EventFluxManager::new().create_with(text, config);
    app.unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// Rows as one text: values parted by blanks, rows by `|`.
pub fn shown(answer: &QueryResult) -> String {
    let value = |value: &Value| match value {
        Value::Null => "NULL".to_string(),
        value => value.to_string(),
    };
    let row = |row: Vec<Value>| row.iter().map(value).collect::<Vec<_>>().join(" ");
    answer.rows().map(row).collect::<Vec<_>>().join(" | ")
}

const TABLES: &str = "
    CREATE STREAM S (k STRING, g INT, v LONG, d DOUBLE);
    CREATE TABLE T (k STRING PRIMARY KEY, g INT, v LONG, d DOUBLE) WITH ('index'='g, (g, v)');
    CREATE TABLE Empty (a INT, b STRING);
    CREATE TABLE Alone (a INT, b STRING) WITH ('ttl'='1 HOUR');
    UPSERT INTO T SELECT k, g, v, d FROM S ON T.k = S.k;
    INSERT INTO Empty SELECT g, k FROM S WHERE g > 100;
    INSERT INTO Out SELECT k FROM S;";

/// What is asked, and the answer.
#[rustfmt::skip]
const QUESTIONS: &[(&str, &str)] = &[
    ("SELECT * FROM T", "a 1 10 0.5 | b 1 20 NULL | c 2 NULL 2.5 | d NULL 40 3.5 | e 2 5 4.5"),
    ("select t.K, T.v as twice FROM t;", "a 10 | b 20 | c NULL | d 40 | e 5"),
    ("SELECT k FROM T WHERE k = 'c'", "c"),
    ("SELECT k FROM T WHERE 'c' = k AND g = 1", ""),
    ("SELECT k FROM T WHERE k = 'x'", ""),
    ("SELECT k FROM T WHERE k = NULL", ""),
    ("SELECT k FROM T WHERE k = concat('', 'b')", "b"),
    ("SELECT k FROM T AS x WHERE x.g = 2", "c | e"),
    ("SELECT k FROM T WHERE g = 2 AND v = 5", "e"),
    ("SELECT k FROM T WHERE g = 1 AND v > 10", "b"),
    ("SELECT k FROM T WHERE g = 1 OR v = 40", "a | b | d"),
    ("SELECT k FROM T WHERE g IS NULL", "d"),
    ("SELECT k FROM T WHERE k IN ('a', 'e')", "a | e"),
    ("SELECT k FROM T[g = 2] WHERE v = 5", "e"),
    ("SELECT k, v FROM T ORDER BY v", "c NULL | e 5 | a 10 | b 20 | d 40"),
    ("SELECT k, v FROM T ORDER BY v DESC LIMIT 2", "d 40 | b 20"),
    ("SELECT k AS name FROM T ORDER BY g DESC, name DESC", "e | c | b | a | d"),
    ("SELECT k FROM T LIMIT 2 OFFSET 1", "b | c"),
    ("SELECT k FROM T LIMIT 0", ""),
    ("SELECT k FROM T OFFSET 4", "e"),
    ("SELECT k FROM T OFFSET 9", ""),
    ("SELECT DISTINCT g FROM T", "1 | 2 | NULL"),
    ("SELECT DISTINCT g FROM T ORDER BY g DESC LIMIT 1", "2"),
    ("SELECT count(*) AS n, sum(v), avg(d), min(k), max(v) FROM T", "5 75 2.75 a 40"),
    ("SELECT count(v), sum(v) + 1 FROM T WHERE g = 2", "1 6"),
    ("SELECT sum(v) FROM T WHERE k = 'b'", "20"),
    ("SELECT count(*), sum(v), max(k) FROM T WHERE k = 'x'", "0 NULL NULL"),
    ("SELECT count(*) FROM T WHERE v > 1000", "0"),
    ("SELECT count(*) AS n FROM T HAVING n > 5", ""),
    ("SELECT count(*), stddev(a) FROM Empty", "0 NULL"),
    ("SELECT count(*) FROM Empty WHERE a > 1", "0"),
    ("SELECT g, count(*) AS n, sum(v) AS s FROM T GROUP BY g", "1 2 30 | 2 2 5 | NULL 1 40"),
    ("SELECT g, count(*) AS n FROM T GROUP BY g HAVING n > 1 ORDER BY g DESC", "2 2 | 1 2"),
    ("SELECT g % 2 AS odd, count(*) FROM T WHERE g > 0 GROUP BY odd", "1 2 | 0 2"),
    ("SELECT g, count(*) FROM T WHERE v > 1000 GROUP BY g", ""),
    ("SELECT percentile(v, 0.5) FROM T", "15.0"),
    ("SELECT first(k), last(k), count(DISTINCT g) FROM T", "a e 2"),
    ("SELECT * FROM Empty", ""),
    ("SELECT a, count(*) FROM Empty GROUP BY a", ""),
    ("SELECT 1 AS one, 'x' AS x FROM T LIMIT 1", "1 x"),
    ("SELECT a, b FROM Alone WHERE a = 2", "2 two"),
    ("SELECT now() > 0 FROM Alone WHERE a = 1", "true"),
    ("SELECT v / 0 FROM T WHERE k = 'a'", "NULL"),
];

/// An app with the rows that the questions are about.
fn tables(workers: Workers) -> EventFluxAppRuntime {
    let app = app(TABLES, workers);
    app.start().expect("it starts");
    let mut input = app.input().expect("an input");
    type Sent = (&'static str, Option<i32>, Option<i64>, Option<f64>);
    let rows: [Sent; 6] = [
        ("a", Some(7), Some(7), None),
        ("b", Some(1), Some(20), None),
        ("c", Some(2), None, Some(2.5)),
        ("d", None, Some(40), Some(3.5)),
        ("a", Some(1), Some(10), Some(0.5)),
        ("e", Some(2), Some(5), Some(4.5)),
    ];
    for row in rows {
        input.send("S", row).expect("a row");
    }
    let loaded = app.load_table("alone", [(1, "one"), (2, "two")]);
    assert_eq!(loaded.expect("two rows").inserted, 2);
    app.flush().expect("all is processed");
    app
}

#[test]
fn questions_are_answered_on_any_number_of_workers() {
    for workers in WORKERS {
        let app = tables(workers.clone());
        let mut wrong = Vec::new();
        for (text, expected) in QUESTIONS {
            let asked = app.prepare(text);
            let mut ask = asked.unwrap_or_else(|e| panic!("{text}\n{e}"));
            // What was prepared answers each time as if it were the first.
            for _ in 0..2 {
                let answer = shown(&ask.query(()).expect("an answer"));
                if answer != *expected {
                    wrong.push(format!("{text}\n   {answer}\n = {expected}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{workers:?}\n{}", wrong.join("\n"));
        let answer = app.query("SELECT k, v / 0 AS x FROM T").expect("an answer");
        let names = answer.schema().attributes().iter();
        assert_eq!(names.map(|a| &*a.name).collect::<Vec<_>>(), ["k", "x"]);
        assert_eq!(answer.value_faults(), 4);
        app.shutdown().expect("it ends");
    }
}

#[test]
fn values_are_given_each_time() {
    let app = tables(Workers::Inline);
    let prepare = |text: &str| app.prepare(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let mut by_key = prepare("SELECT g, CAST(? AS INT) AS x FROM T WHERE k = ?");
    for (key, expected) in [("a", "1 9"), ("c", "2 9"), ("x", ""), ("d", "NULL 9")] {
        let answer = by_key.query((9, key)).expect("an answer");
        assert_eq!(shown(&answer), expected);
        assert_eq!(answer.value_faults(), 0);
    }
    let mut range = prepare("SELECT k FROM T WHERE v BETWEEN ? AND ? + 1 OR k LIKE ? ORDER BY k");
    assert_eq!(
        shown(&range.query((5i64, 19i64, "c%")).expect("rows")),
        "a | b | c | e"
    );
    let mut lone = prepare("SELECT count(*) + ?, sum(v) FROM T WHERE g = ?");
    assert_eq!(shown(&lone.query((100i64, 1)).expect("a row")), "102 30");
    assert_eq!(shown(&lone.query((100i64, 77)).expect("a row")), "100 NULL");
    assert_eq!(
        shown(&lone.query((100i64, None::<i32>)).expect("a row")),
        "100 NULL"
    );
    let wrong = lone.query((1i64,)).expect_err("one is missing").to_string();
    assert!(wrong.contains("1 values for 2"), "{wrong}");
    let wrong = lone.query((1i64, "a")).expect_err("it is INT").to_string();
    assert!(
        wrong.contains("value 2 is STRING, the attribute is INT"),
        "{wrong}"
    );
    let open = app
        .query("SELECT k FROM T WHERE k = ?")
        .expect_err("it is open");
    assert!(matches!(open, QueryError::Parameters(_)), "{open}");
}

/// A question with the place of what is wrong between « and », what is said, and the remedy.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    ("SELECT k FROM «Tt»", "unknown table, window or aggregation 'Tt'", "did you mean 'T'?"),
    ("SELECT k FROM «S»", "stream S holds no rows", ""),
    ("SELECT «x» FROM T", "unknown attribute 'x' of table T", ""),
    ("SELECT k FROM T WHERE «v»", "a condition is BOOL, this is LONG", ""),
    ("SELECT k FROM T «JOIN Empty ON T.g = Empty.a»", "joins none", "let a query of the app join them"),
    ("SELECT k FROM T «WINDOW('length', 2)»", "it has no window", "remove it"),
    ("SELECT k FROM T WHERE «(Empty.a = g) IN Empty»", "IN with a table cannot stand", ""),
    ("SELECT «uuid()» FROM T", "uuid() cannot stand in a question", ""),
    ("SELECT «eventTimestamp()» FROM T", "no time of their own", "eventTimestamp()"),
    ("SELECT k FROM T WHERE «sum(v)» > 1", "the aggregate sum cannot stand in WHERE", ""),
    ("«INSERT» INTO T SELECT k FROM S", "a question only reads", "SELECT"),
    ("SELECT k FROM T «INSERT» INTO X", "a question only reads", "remove INSERT"),
    ("SELECT a.k FROM «PATTERN (a=S -> b=S)» LIMIT 1", "reads tables and named windows", "into a table"),
    ("SELECT k FROM T; «SELECT» k FROM T", "a question is one SELECT", ""),
    ("SELECT k FROM T WHERE «?» IS NULL", "nothing says here what type ? has", "CAST(? AS LONG)"),
    ("«»", "expected SELECT, found the end of the text", ""),
    ("SELECT k FROM T LIMIT «?»", "a whole number", ""),
    ("SELECT k FROM T WHERE k = «'a»", "", ""),
    ("SELECT count(*), «count(*)» FROM T", "two columns are named", "AS"),
];

#[test]
fn what_is_wrong_with_a_question_is_told_with_its_place() {
    let app = tables(Workers::Inline);
    for (marked, message, remedy) in WRONG {
        let (before, _) = marked.split_once('«').expect("a mark");
        let text = marked.replace(['«', '»'], "");
        let Err(QueryError::Text(error)) = app.query(&text) else {
            panic!("{text} is no fault of the text");
        };
        let problem = &error.problems()[0];
        let place = (problem.line, problem.column);
        assert_eq!(place, (1, before.chars().count() + 1), "{text}\n{error}");
        assert!(problem.message.contains(message), "{text}\n{error}");
        let told = problem.remedy.clone().unwrap_or_default();
        assert!(told.contains(remedy), "{text}\n{error}");
    }
    let bare = "CREATE STREAM S (x INT); INSERT INTO Out SELECT x FROM S;";
    let error = self::app(bare, Workers::Inline).query("SELECT x FROM T");
    let error = error.expect_err("no table").to_string();
    assert!(
        error.contains("neither CREATE TABLE nor CREATE WINDOW"),
        "{error}"
    );
}

/// A window, what is asked of it when rows 1 to 6 were sent, each second one, and the answer.
#[rustfmt::skip]
const WINDOWS: &[(&str, &str, &str)] = &[
    ("'length', 2", "SELECT v FROM W", "5 | 6"),
    ("'length', 3", "SELECT count(*), sum(v) FROM W WHERE v > 4", "2 11"),
    ("'time', 3 SECONDS", "SELECT v FROM W", "4 | 5 | 6"),
    ("'lengthBatch', 4", "SELECT v FROM W", "1 | 2 | 3 | 4"),
    ("'lengthBatch', 3", "SELECT v FROM W", "4 | 5 | 6"),
    ("'lengthBatch', 9", "SELECT v FROM W", ""),
    ("'tumbling', 4 SECONDS", "SELECT v FROM W", "1 | 2 | 3"),
    ("'hop', 4 SECONDS, 2 SECONDS", "SELECT v FROM W", "2 | 3 | 4 | 5"),
    ("'timeBatch', 3 SECONDS", "SELECT v FROM W", "1 | 2 | 3"),
    ("'unique', k", "SELECT k, v FROM W ORDER BY k", "0 6 | 1 4 | 2 5"),
    ("'firstUnique', k", "SELECT k, v FROM W ORDER BY k", "0 3 | 1 1 | 2 2"),
    ("'sort', 2, v, 'desc'", "SELECT v FROM W ORDER BY v", "5 | 6"),
    ("'sort', 2, v", "SELECT v FROM W ORDER BY v", "1 | 2"),
    ("'session', 2 SECONDS, k", "SELECT v FROM W ORDER BY v", "5 | 6"),
];

/// Sends rows 1 to 6, one each second, and waits.
fn send_six(app: &EventFluxAppRuntime) {
    app.start().expect("it starts");
    let mut input = app.input().expect("an input");
    for v in 1..=6i32 {
        let at = Timestamp::from_millis(i64::from(v) * 1000);
        input.send_at("S", at, (v % 3, v)).expect("a row");
    }
    // What a lane holds is processed before this returns.
    while app.metrics().expect("metrics").rows_in < 6 {
        std::thread::yield_now();
    }
}

#[test]
fn named_windows_tell_what_they_hold_also_after_a_restore() {
    for (window, question, expected) in WINDOWS {
        for output in ["", "OUTPUT CURRENT EVENTS"] {
            let text = format!(
                "@app:name('w') @app:playback CREATE STREAM S (k INT, v INT);
                 CREATE WINDOW W (k INT, v INT) WINDOW({window}) {output};
                 INSERT INTO W SELECT k, v FROM S;
                 INSERT INTO Out SELECT v FROM W;"
            );
            for workers in WORKERS {
                let app = app(&text, workers.clone());
                send_six(&app);
                let answer = app
                    .query(question)
                    .unwrap_or_else(|e| panic!("{text}\n{e}"));
                assert_eq!(shown(&answer), *expected, "{text} on {workers:?}");
                let state = app.snapshot().expect("a snapshot");
                for others in WORKERS {
                    let next = self::app(&text, others.clone());
                    next.restore(&state).expect("it fits");
                    let answer = next.query(question).expect("an answer");
                    assert_eq!(
                        shown(&answer),
                        *expected,
                        "{text}, {workers:?} to {others:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_window_that_lets_rows_go_later_holds_none() {
    let text = "CREATE STREAM S (v INT); CREATE WINDOW W (v INT) WINDOW('delay', 1 SECOND);
        INSERT INTO W SELECT v FROM S;";
    let error = app(text, Workers::Inline).query("SELECT v FROM W");
    let error = error.expect_err("none to read").to_string();
    assert!(error.contains("window W lets rows go later"), "{error}");
}

#[test]
fn rows_whose_time_is_over_are_not_told() {
    let text = "@app:playback CREATE STREAM S (k INT); CREATE STREAM Tick (k INT);
        CREATE TABLE T (k INT PRIMARY KEY) WITH ('ttl'='10 SECONDS');
        INSERT INTO T SELECT k FROM S;";
    for workers in WORKERS {
        let app = app(text, workers);
        app.start().expect("it starts");
        let mut input = app.input().expect("an input");
        let at = Timestamp::from_millis;
        input.send_at("S", at(1_000), (1,)).expect("a row");
        input.send_at("S", at(5_000), (2,)).expect("a row");
        for (clock, expected) in [(5_000, "1 | 2"), (11_000, "2"), (15_000, "")] {
            input.advance_clock(at(clock)).expect("a clock");
            app.flush().expect("all is processed");
            for text in ["SELECT k FROM T", "SELECT k FROM T WHERE k = 1 OR k = 2"] {
                assert_eq!(
                    shown(&app.query(text).expect("an answer")),
                    expected,
                    "{clock}"
                );
            }
            let one = app.query("SELECT k FROM T WHERE k = 1").expect("an answer");
            assert_eq!(one.is_empty(), clock >= 11_000);
        }
    }
}

#[test]
fn whoever_stands_inside_the_app_or_behind_its_end_hears_so() {
    for workers in WORKERS {
        let app = Arc::new(tables(workers));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (own, to) = (Arc::downgrade(&app), Arc::clone(&heard));
        let inside = move |_: &eventflux::Batch| {
            let Some(app) = own.upgrade() else { return };
            let asked = app.query("SELECT k FROM T").map(drop);
            let loaded = app.load_table("Alone", [(3, "three")]).map(drop);
            let mut to = to.lock().expect("no panic");
            to.push(matches!(
                asked,
                Err(QueryError::Runtime(RuntimeError::InsideCallback))
            ));
            to.push(matches!(loaded, Err(RuntimeError::InsideCallback)));
        };
        app.add_callback("Out", inside).expect("a callback");
        let mut input = app.input().expect("an input");
        input.send("S", ("z", 1, 1i64, 1.0)).expect("a row");
        app.flush().expect("all is processed");
        app.shutdown().expect("it ends");
        let told = heard.lock().expect("no panic");
        assert_eq!(*told, [true, true]);
        let ended = app.query("SELECT k FROM T").expect_err("it has ended");
        assert!(
            matches!(ended, QueryError::Runtime(RuntimeError::Stopped)),
            "{ended}"
        );
    }
}

/// A table is a list to which rows are appended, and from which those of a key go.
#[test]
fn rows_come_in_the_order_of_arrival_whatever_was_deleted() {
    let seed = from_env("SEED", 1);
    let text = "CREATE STREAM Put (k INT, v INT); CREATE STREAM Del (k INT);
        CREATE TABLE T (k INT, v INT) WITH ('index'='k');
        INSERT INTO T SELECT k, v FROM Put;
        DELETE FROM T USING Del WHERE T.k = Del.k;";
    for (round, workers) in WORKERS.into_iter().enumerate() {
        let app = app(text, workers);
        app.start().expect("it starts");
        let mut draw = Random::named(seed + round as u64, "order of arrival");
        let mut input = app.input().expect("an input");
        let mut all = app.prepare("SELECT k, v FROM T").expect("it is right");
        let mut one = app
            .prepare("SELECT k, v FROM T WHERE k = ?")
            .expect("it is right");
        let mut model: Vec<(i32, i32)> = Vec::new();
        for step in 0..600 {
            // It grows, shrinks to nearly nothing, and grows again.
            let shrinks = (step / 100) % 2 == 1;
            for _ in 0..10 {
                let (k, v) = (draw.below(60usize) as i32, draw.below(1_000usize) as i32);
                if draw.chance(if shrinks { 80 } else { 10 }) {
                    input.send("Del", (k,)).expect("a row");
                    model.retain(|row| row.0 != k);
                } else {
                    input.send("Put", (k, v)).expect("a row");
                    model.push((k, v));
                }
            }
            app.flush().expect("all is processed");
            let seen: Vec<(i32, i32)> = all.query(()).expect("rows").typed().expect("numbers");
            assert_eq!(seen, model, "SEED={seed} step {step}");
            let k = draw.below(60usize) as i32;
            let seen: Vec<(i32, i32)> = one.query((k,)).expect("rows").typed().expect("numbers");
            let own = model.iter().copied().filter(|row| row.0 == k);
            assert_eq!(seen, own.collect::<Vec<_>>(), "SEED={seed} step {step}");
        }
    }
}

#[test]
fn an_app_that_panicked_is_not_asked() {
    for workers in WORKERS {
        let app = tables(workers);
        let mut input = app.input().expect("an input");
        app.add_callback("Out", |_| panic!("a callback of this test"))
            .expect("a callback");
        // Inline the send itself fails.
        let _ = input.send("S", ("z", 1, 1i64, 1.0));
        let poisoned = || matches!(app.flush(), Err(RuntimeError::Poisoned(_)));
        while !poisoned() {
            std::thread::yield_now();
        }
        let asked = app.query("SELECT k FROM T").expect_err("it is poisoned");
        let told = matches!(asked, QueryError::Runtime(RuntimeError::Poisoned(_)));
        assert!(told, "{asked}");
    }
}

const ACCOUNTS: &str = "
    CREATE STREAM Move (a INT, b INT, n LONG);
    CREATE TABLE Account (id INT PRIMARY KEY, v LONG) WITH ('index'='v');
    UPDATE Account SET v = Account.v - n FROM Move WHERE Account.id = a;
    UPDATE Account SET v = Account.v + n FROM Move WHERE Account.id = b;
    CREATE WINDOW Last (a INT, n LONG) WINDOW('length', 7);
    INSERT INTO Last SELECT a, n FROM Move;
    INSERT INTO Last SELECT a, 0 - n FROM Move;";

/// What a row takes here it gives there, so whatever is seen at one moment adds up to nothing.
#[test]
fn every_answer_is_of_one_moment() {
    let seed = from_env("SEED", 1);
    for workers in WORKERS {
        let app = app(ACCOUNTS, workers.clone());
        let accounts = 40;
        let rows = (0..accounts).map(|id| (id, 0i64));
        app.load_table("Account", rows).expect("the accounts");
        app.start().expect("it starts");
        let stop = AtomicBool::new(false);
        let mut asked = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut draw = Random::named(seed, "moves");
                let mut input = app.input().expect("an input");
                while !stop.load(Ordering::Relaxed) {
                    let moves = (0..20).map(|_| {
                        let (a, b) = (draw.below(accounts as usize), draw.below(accounts as usize));
                        (a as i32, b as i32, draw.between(1, 9))
                    });
                    for row in moves.collect::<Vec<_>>() {
                        input.send("Move", row).expect("a row");
                    }
                }
            });
            let all = ["sum(v)", "count(*)"].join(", ");
            let mut all = app
                .prepare(&format!("SELECT {all} FROM Account"))
                .expect("it is right");
            let mut one = app
                .prepare("SELECT v FROM Account WHERE id = ?")
                .expect("it is right");
            while asked < 300 {
                let answer = all.query(()).expect("an answer");
                let seen: Vec<(i64, i64)> = answer.typed().expect("two numbers");
                assert_eq!(seen, [(0, i64::from(accounts))], "SEED={seed} {workers:?}");
                let held = app.query("SELECT count(*) AS n FROM Last HAVING n > 7");
                assert!(
                    held.expect("an answer").is_empty(),
                    "SEED={seed} {workers:?}"
                );
                assert_eq!(one.query((asked % accounts,)).expect("an answer").len(), 1);
                asked += 1;
            }
            stop.store(true, Ordering::Relaxed);
        });
        app.shutdown().expect("it ends");
    }
}
