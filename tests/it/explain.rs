//! What `explain` tells of joins and tables.

use crate::app::Setup;
use eventflux::EventFluxManager;

#[test]
fn joins_and_tables_are_explained() {
    let app = "CREATE STREAM S (k INT, v INT); CREATE TABLE T (k INT PRIMARY KEY, v INT);
        UPSERT INTO T SELECT k, v FROM S ON T.k = S.k;
        DELETE FROM T USING S WHERE T.k = S.k AND T.v > S.v;
        INSERT INTO Out SELECT a.k FROM S WINDOW('length', 2) AS a LEFT JOIN S WINDOW('length', 2) AS b ON a.v < b.v
        JOIN T ON a.k = T.k ASOF JOIN S AS c ON a.k = c.k AND a.v = c.v;";
    let config = Setup::INLINE.config();
    let runtime = EventFluxManager::new().create_with(app, config);
    let text = runtime.expect("the app is right").explain();
    for line in [
        "  table T: primary key of 1 columns, 0 indexes, at most 100000000 rows: state rows\n",
        "    upsert into table T: by its primary key\n",
        "    delete from table T: by its primary key, then 1 conditions\n",
        "    left join of S with S: both sides trigger\n      all rows of the other side are tried, then 1 conditions\n\
         \x20     many rows of one key: ordered index on v of side left\n\
         \x20     many rows of one key: ordered index on v of side right\n",
        "    join of what was joined with T: the left side triggers\n      look up in table T: by its primary key\n",
        "    asof join of what was joined with S: the left side triggers\n      hash index on 2 keys\n",
        "      side S holds the latest row of each key: state rows\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_description_is_shown() {
    let explained = |head: &str| {
        let app = format!(
            "@app:name('a') {head} CREATE STREAM S (v INT); INSERT INTO O SELECT v FROM S;"
        );
        let runtime = EventFluxManager::new().create_with(&app, Setup::INLINE.config());
        runtime.expect("the app is right").explain()
    };
    let plain = explained("");
    let first = "app a (processing time)\n";
    assert!(plain.starts_with(first), "{plain}");
    let described = explained("@app:description('who asks,\nand why')");
    let rest = described.strip_prefix(first);
    let rest = rest.and_then(|r| r.strip_prefix("about: who asks,\n  and why\n"));
    assert_eq!(rest, plain.strip_prefix(first), "{described}");
}

#[test]
fn calls_that_look_back_are_explained() {
    let explained = |query: &str| {
        let app = format!(
            "@app:playback CREATE STREAM S (k INT, g INT, v INT); INSERT INTO Out SELECT {query};"
        );
        let runtime = EventFluxManager::new().create_with(&app, Setup::INLINE.config());
        runtime.expect("the app is right").explain()
    };
    for (query, lines) in [
        (
            "k, sum(v) OVER (PARTITION BY k ROWS 2 PRECEDING) AS a, lag(v, 3) OVER (PARTITION BY g, k) AS b FROM S",
            &[
                "component 1: keyed by S.(k)",
                "    order by time: holds rows ahead of the clock, which one input alone never has, at most 1000000: state rows",
                "    over [sum] by 1 keys, the last 3 rows: state rows and accumulators per key, at most 10000000 keys (OVER_KEYS_MAX)",
                "    over [lag] by 2 keys, 3 rows before: state rows per key, at most 10000000 keys (OVER_KEYS_MAX)",
            ][..],
        ),
        (
            "max(v) OVER (PARTITION BY k RANGE 5 SECONDS PRECEDING) AS a, row_number() OVER (PARTITION BY g) AS b FROM S",
            &[
                "component 1: single worker: query 1 needs all rows: calls with OVER share no key column",
                "    over [max] by 1 keys, rows of 5000 ms and of the same time: state rows, accumulators per key that has some",
                "    over [count] by 1 keys, all rows since the start: state keyed map of accumulators, at most 10000000 keys (OVER_KEYS_MAX)",
                "    rows go on when the clock has passed their time: state rows",
            ],
        ),
        (
            "row_number() OVER () AS n FROM S",
            &["component 1: single worker: query 1 needs all rows: OVER without PARTITION BY"],
        ),
        (
            "row_number() OVER (PARTITION BY k % 2) AS n FROM S",
            &[
                "component 1: single worker: query 1 needs all rows: PARTITION BY on expressions only",
            ],
        ),
        (
            "row_number() OVER (PARTITION BY a.k) AS n FROM S WINDOW('time', 5 SECONDS) AS a JOIN S WINDOW('time', 5 SECONDS) AS b ON a.k = b.k",
            &["component 1: keyed by S.(k), row by row"],
        ),
        (
            "row_number() OVER (PARTITION BY b.k) AS n FROM S WINDOW('time', 5 SECONDS) AS a LEFT JOIN S WINDOW('time', 5 SECONDS) AS b ON a.k = b.k",
            &["component 1: single worker: rows that meet have no common key column, row by row"],
        ),
    ] {
        let text = explained(query);
        for line in lines {
            assert!(
                text.contains(&format!("{line}\n")),
                "{line} is not in\n{text}"
            );
        }
    }
}

#[test]
fn patterns_are_explained() {
    for (query, lines) in [
        (
            "EVERY a = A[x > 3] -> b = B[b.k = a.k AND b.v > a.x]{3,} -> NOT C[k = a.k] FOR 5 SECONDS) WITHIN 10 SECONDS",
            &[
                "component 1: keyed by A.(k) and B.(k) and C.(k)",
                "    read A",
                "    order by time: holds rows ahead of the clock, which one input alone never has, at most 1000000: state rows",
                "    pattern of 3 elements:",
                "      1: EVERY a = A",
                "        asks of the row alone x > 3",
                "      2: b = B, 3 rows or more",
                "        finds runs by index on b.k = a.k",
                "        many runs of one key: ordered index on a.x",
                "        asks of the runs found b.v > a.x",
                "      3: NOT C FOR 5 s",
                "        finds runs by index on k = a.k",
                "      WITHIN 10 s over all: a timer ends the run, state due times",
                "      a run keeps a.k, a.x: state cells by run",
                "      at most 10000000 open runs on a worker (PATTERN_RUNS_MAX); one more is refused and counted",
            ][..],
        ),
        (
            "EVERY (a = A -> b = B AND (C OR NOT D[k = a.k] FOR 2 SECONDS)) -> e = A?  -> D) AFTER MATCH SKIP PAST LAST ROW",
            &[
                "component 1: single worker: told is not apart by key: it does not begin with EVERY before one term that takes one row",
                "      1: a = A",
                "      2: b = B AND (C OR NOT D FOR 2 s)",
                "        NOT D FOR 2 s: finds runs by index on k = a.k",
                "      3: e = A, one row or none",
                "      4: D",
                "      EVERY over 1 to 2: begins anew when it is complete",
                "      a match ends all other open runs of its key",
                "      a run keeps a.k: state cells by run",
            ],
        ),
        (
            "a = A -> EVERY B[v > a.x])",
            &[
                "      without EVERY at its beginning: it matches once",
                "      2: EVERY B",
                "        asks of all runs that wait v > a.x",
            ],
        ),
        (
            "EVERY NOT C FOR 5 SECONDS -> a = A)",
            &[
                "      1: EVERY NOT C FOR 5 s",
                "      at most 100000 silences of 1 in one step of the clock (SILENCES_MAX), or 100 for each that is waited for (SILENCES_EACH_MAX); others are left out and counted",
            ],
        ),
        (
            "EVERY (NOT C FOR 5 SECONDS -> B*) -> a = A)",
            &[
                "      at most 100000 silences of 1 to 2 in one step of the clock (SILENCES_MAX), or 100 for each that is waited for (SILENCES_EACH_MAX); others are left out and counted",
            ],
        ),
        (
            "EVERY a = A -> B[k = a.k] -> C)",
            &[
                "component 1: single worker: told is not apart by key: not each of its terms has an attribute equal to one of the first term",
            ],
        ),
    ] {
        let app = format!(
            "@app:playback CREATE STREAM A (k INT, x DOUBLE); CREATE STREAM B (k INT, v DOUBLE);
            CREATE STREAM C (k INT); CREATE STREAM D (k INT);
            @info(name='told') INSERT INTO Out SELECT a.k FROM PATTERN ({query};"
        );
        let runtime = EventFluxManager::new().create_with(&app, Setup::INLINE.config());
        let text = runtime.expect("the app is right").explain();
        for line in lines {
            assert!(text.lines().any(|l| l == *line), "{line} is not in\n{text}");
        }
    }
    let app = "CREATE STREAM A (k INT); CREATE STREAM B (k INT);
        @info(name='told') INSERT INTO Out SELECT a.k FROM SEQUENCE (EVERY a = A, B[k = a.k]);";
    let runtime = EventFluxManager::new().create_with(app, Setup::INLINE.config());
    let text = runtime.expect("the app is right").explain();
    for line in [
        "component 1: single worker: told is not apart by key: in a sequence rows of one key end runs of another\n",
        "    sequence of 2 elements, no other row between:\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn how_rows_of_several_writers_are_put_in_order_is_explained() {
    let writers =
        "INSERT INTO Out SELECT v FROM S WHERE v > 1; INSERT INTO Out SELECT v FROM S WHERE v > 2;";
    let cases = [
        (writers.to_string(), ", rows of Out put in order\n"),
        (
            format!("{writers} INSERT INTO Read SELECT v FROM Out;"),
            ", rows of Out put in order\n",
        ),
        // What time alone gives comes between rows.
        (
            format!(
                "{writers} INSERT INTO Out SELECT sum(v) AS v FROM S WINDOW('time', 1 SECONDS);"
            ),
            ", row by row\n",
        ),
        (
            "INSERT INTO Out SELECT v FROM S WHERE v > 1;".to_string(),
            "\n",
        ),
    ];
    for (queries, end) in cases {
        let app = format!("@app:playback CREATE STREAM S (v LONG); {queries}");
        let runtime = EventFluxManager::new().create_with(&app, Setup::INLINE.config());
        let text = runtime.expect("the app is right").explain();
        let component = text.lines().find(|line| line.starts_with("component 1: "));
        let component = format!("{}\n", component.expect("it has queries"));
        assert!(component.ends_with(end), "{component}");
        let plain = !component.contains("row by row") && !component.contains("put in order");
        assert_eq!(plain, end == "\n", "{component}");
    }
}
