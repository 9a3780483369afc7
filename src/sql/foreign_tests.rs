//! Syntax of other dialects, node by node and option by option: each is obeyed, or refused with its place and a remedy.

use super::parse;
use crate::error::Fault;
use crate::plan::{Catalogue, plan};

const STREAM: &str = "CREATE STREAM S (k STRING, v INT, x DOUBLE, t LONG);\n";

/// What is wrong with a text after the declaration of S.
fn faults(rest: &str) -> (String, Vec<Fault>) {
    // annotations of the app begin its text
    let text = match rest.starts_with("@app") {
        true => rest.replace("INSERT", &format!("{STREAM}INSERT")),
        false => format!("{STREAM}{rest}"),
    };
    let (app, unread) = parse(&text);
    let found = plan(&text, &app, &Catalogue::default(), unread);
    (text, found.err().unwrap_or_default())
}

/// Queries of S, each with one thing more than the grammar has. Grouped by the node of a syntax tree that holds it.
#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("quantifier of SELECT", &[
        "SELECT DISTINCT ON (k) v FROM S", "SELECT TOP 3 v FROM S", "SELECT TOP (3) v FROM S",
        "SELECT STRAIGHT_JOIN v FROM S", "SELECT SQL_NO_CACHE v FROM S", "SELECT AS STRUCT v FROM S",
        "SELECT /*+ INDEX(S) */ v FROM S", "SELECT --+ PARALLEL(4)\n v FROM S",
    ]),
    ("items of SELECT", &[
        "SELECT S.* FROM S", "SELECT * EXCLUDE (v) FROM S", "SELECT * EXCEPT (v) FROM S", "SELECT * REPLACE (1 AS v) FROM S",
        "SELECT * RENAME (v AS w) FROM S", "SELECT * ILIKE 'v%' FROM S", "SELECT COLUMNS('v') FROM S", "SELECT v w FROM S",
        "SELECT v AS 'w' FROM S", "SELECT w = v FROM S", "SELECT v AS w (a) FROM S", "SELECT (v, k) FROM S", "SELECT v.* FROM S",
        "SELECT a.b.v FROM S", "SELECT v INTO T FROM S", "SELECT FROM S", "SELECT v",
    ]),
    ("FROM", &[
        "SELECT v FROM S TABLESAMPLE BERNOULLI (10)", "SELECT v FROM S SAMPLE 10", "SELECT v FROM S FINAL", "SELECT v FROM S PREWHERE v > 1",
        "SELECT v FROM S AS s (a, b)", "SELECT v FROM S FOR SYSTEM_TIME AS OF 5", "SELECT v FROM S WITH (NOLOCK)", "SELECT v FROM S USE INDEX (i)",
        "SELECT v FROM S FORCE INDEX (i)", "SELECT v FROM S PARTITION (p)", "SELECT v FROM S WITH ORDINALITY", "SELECT v FROM LATERAL S",
        "SELECT v FROM S LATERAL VIEW explode(v) t", "SELECT v FROM UNNEST(k)", "SELECT v FROM TABLE(f())", "SELECT v FROM f(1)", "SELECT v FROM (S)",
        "SELECT v FROM (SELECT v FROM S)", "SELECT v FROM VALUES (1)", "SELECT v FROM S, S", "SELECT v FROM S JOIN S ON TRUE", "SELECT v FROM S CROSS JOIN S",
        "SELECT v FROM S NATURAL JOIN S", "SELECT v FROM S LEFT JOIN S USING (v)", "SELECT v FROM S ASOF JOIN S ON TRUE", "SELECT v FROM S SEMI JOIN S ON TRUE",
        "SELECT v FROM S PIVOT (sum(v) FOR k IN ('a'))", "SELECT v FROM S UNPIVOT (v FOR k IN (v))", "SELECT v FROM S MATCH_RECOGNIZE (PATTERN (A))",
        "SELECT v FROM db.S", "SELECT v FROM ONLY S", "SELECT v FROM S@i", "SELECT v FROM 'S'", "SELECT v FROM S AS a AS b", "SELECT v FROM S*",
    ]),
    ("clauses of SELECT", &[
        "SELECT v FROM S QUALIFY v > 1", "SELECT v FROM S WHERE CURRENT OF c", "SELECT v FROM S CONNECT BY v = 1", "SELECT v FROM S START WITH v = 1",
        "SELECT k FROM S GROUP BY k WITH ROLLUP", "SELECT k FROM S GROUP BY k WITH CUBE", "SELECT k FROM S GROUP BY k WITH TOTALS",
        "SELECT k FROM S GROUP BY ROLLUP(k)", "SELECT k FROM S GROUP BY CUBE(k)", "SELECT k FROM S GROUP BY GROUPING SETS ((k), (v))",
        "SELECT k FROM S GROUP BY ()", "SELECT k FROM S GROUP BY (k, v)", "SELECT k FROM S GROUP BY ALL", "SELECT k FROM S GROUP BY DISTINCT k",
        "SELECT k FROM S GROUP BY 0", "SELECT k FROM S GROUP BY 2", "SELECT k FROM S GROUP BY -1", "SELECT * FROM S GROUP BY 5", "SELECT k FROM S GROUP BY 1.5",
        "SELECT k FROM S GROUP BY 'k'", "SELECT k FROM S GROUP BY \"no\"", "SELECT k FROM S GROUP BY TRUE", "SELECT k FROM S GROUP BY NULL",
        "SELECT k FROM S GROUP BY 5 SECONDS", "SELECT sum(v) AS s FROM S GROUP BY 1", "SELECT k FROM S CLUSTER BY k", "SELECT k FROM S DISTRIBUTE BY k", "SELECT k FROM S SORT BY k",
        "SELECT v FROM S WINDOW w AS (ORDER BY v)", "SELECT v FROM S HAVING v", "SELECT v FROM S WHERE v", "SELECT v FROM S LATERAL VIEW f(v) t",
    ]),
    ("clauses of a query", &[
        "SELECT v FROM S ORDER BY v NULLS FIRST", "SELECT v FROM S ORDER BY v DESC NULLS LAST", "SELECT v FROM S ORDER BY v USING >",
        "SELECT v FROM S ORDER BY v COLLATE \"C\"", "SELECT v FROM S ORDER BY v WITH FILL", "SELECT v FROM S ORDER BY ALL", "SELECT v FROM S ORDER BY 2",
        "SELECT v FROM S ORDER BY 0", "SELECT v FROM S ORDER BY 'v'", "SELECT v FROM S ORDER BY v ASC DESC", "SELECT v FROM S LIMIT ALL", "SELECT v FROM S LIMIT NULL",
        "SELECT v FROM S LIMIT 1, 2", "SELECT v FROM S LIMIT 1 + 1", "SELECT v FROM S LIMIT 5 PERCENT", "SELECT v FROM S LIMIT 5 WITH TIES", "SELECT v FROM S LIMIT 1 BY k",
        "SELECT v FROM S OFFSET 5 ROWS", "SELECT v FROM S FETCH FIRST 3 ROWS ONLY", "SELECT v FROM S FOR UPDATE", "SELECT v FROM S FOR JSON AUTO",
        "SELECT v FROM S SETTINGS a = 1", "SELECT v FROM S FORMAT CSV", "SELECT v FROM S OPTION (RECOMPILE)", "SELECT v FROM S UNION SELECT v FROM S",
        "SELECT v FROM S INTERSECT SELECT v FROM S", "SELECT v FROM S EXCEPT SELECT v FROM S", "SELECT v FROM S MINUS SELECT v FROM S",
        "SELECT v FROM S EMIT CHANGES", "SELECT v FROM S RETURNING v", "SELECT v FROM S ON CONFLICT DO NOTHING", "SELECT v FROM S AS OF 5",
    ]),
    ("calls", &[
        "SELECT sum(ALL v) AS s FROM S", "SELECT sum(DISTINCT v) AS s FROM S", "SELECT upper(DISTINCT k) AS s FROM S", "SELECT count(DISTINCT *) AS s FROM S", "SELECT count(DISTINCT) AS s FROM S",
        "SELECT count(DISTINCT k, v) AS s FROM S", "SELECT count(S.*) AS s FROM S", "SELECT sum(*) AS s FROM S", "SELECT first(v ORDER BY t) AS s FROM S", "SELECT first(v IGNORE NULLS) AS s FROM S",
        "SELECT first(v) IGNORE NULLS AS s FROM S", "SELECT last(v) RESPECT NULLS AS s FROM S", "SELECT sum(v) FILTER (WHERE v > 1) AS s FROM S",
        "SELECT max(v) WITHIN GROUP (ORDER BY v) AS s FROM S", "SELECT sum(v) OVER w AS s FROM S",
        "SELECT sum(v LIMIT 3) AS s FROM S", "SELECT max(v HAVING MAX t) AS s FROM S", "SELECT group_concat(k SEPARATOR ',') AS s FROM S", "SELECT concat(VARIADIC k) AS s FROM S",
        "SELECT left(text => k, count => 1) AS s FROM S", "SELECT left(text := k, count := 1) AS s FROM S", "SELECT str:upper(k) AS s FROM S", "SELECT pg.upper(k) AS s FROM S",
        "SELECT {fn upper(k)} AS s FROM S", "SELECT upper(k)[1] AS s FROM S", "SELECT upper(k).a AS s FROM S", "SELECT upper(SELECT k FROM S) AS s FROM S",
        "SELECT window_start(v) AS s FROM S WINDOW('tumbling', 5 SECONDS)", "SELECT window_end(DISTINCT v) AS s FROM S WINDOW('tumbling', 5 SECONDS)",
        "SELECT now(1) AS s FROM S", "SELECT uuid(v) AS s FROM S", "SELECT current_timestamp(3) AS s FROM S", "SELECT abs(v, v) AS s FROM S",
    ]),
    ("calls with words", &[
        "SELECT CAST(v AS INT FORMAT 'x') AS s FROM S", "SELECT TRY_CAST(k AS INT) AS s FROM S", "SELECT SAFE_CAST(k AS INT) AS s FROM S", "SELECT CONVERT(k USING utf8) AS s FROM S",
        "SELECT CAST(v AS INT ARRAY) AS s FROM S", "SELECT CAST(DISTINCT v AS INT) AS s FROM S", "SELECT EXTRACT(CENTURY FROM t) AS s FROM S", "SELECT EXTRACT(YEAR, t) AS s FROM S",
        "SELECT SUBSTRING(k FOR 2) AS s FROM S", "SELECT SUBSTRING(k FROM 2, 3) AS s FROM S", "SELECT SUBSTRING(k SIMILAR 'a' ESCAPE 'b') AS s FROM S",
        "SELECT POSITION('a' IN k, 2) AS s FROM S", "SELECT OVERLAY(k PLACING 'x' FROM 1) AS s FROM S", "SELECT TRIM(LEADING 'x' FROM k) AS s FROM S", "SELECT TRIM(k FROM k) AS s FROM S",
        "SELECT TRIM(k, 'x') AS s FROM S", "SELECT CEIL(x TO DAY) AS s FROM S", "SELECT EXISTS(SELECT v FROM S) AS s FROM S", "SELECT CASE v WHEN 1 THEN 2 END CASE FROM S",
    ]),
    ("operators", &[
        "SELECT v IS TRUE AS s FROM S", "SELECT v IS UNKNOWN AS s FROM S", "SELECT v IS DISTINCT FROM 1 AS s FROM S", "SELECT v IS NOT DISTINCT FROM 1 AS s FROM S", "SELECT k IS JSON AS s FROM S",
        "SELECT v ISNULL AS s FROM S", "SELECT v NOTNULL AS s FROM S", "SELECT v NOT NULL AS s FROM S", "SELECT v BETWEEN SYMMETRIC 2 AND 1 AS s FROM S", "SELECT k LIKE 'a' ESCAPE '!' AS s FROM S",
        "SELECT k ILIKE 'a' AS s FROM S", "SELECT k NOT ILIKE 'a' AS s FROM S", "SELECT k LIKE ANY ('a', 'b') AS s FROM S", "SELECT v = ANY (1, 2) AS s FROM S", "SELECT v = ALL (1) AS s FROM S", "SELECT k SIMILAR TO 'a' AS s FROM S",
        "SELECT k RLIKE 'a' AS s FROM S", "SELECT k REGEXP 'a' AS s FROM S", "SELECT k GLOB 'a' AS s FROM S", "SELECT k ~ 'a' AS s FROM S", "SELECT k !~ 'a' AS s FROM S", "SELECT k ~~ 'a' AS s FROM S",
        "SELECT k COLLATE nocase AS s FROM S", "SELECT v IN UNNEST(k) AS s FROM S", "SELECT v IN (SELECT v FROM S) AS s FROM S", "SELECT v IN S AS s FROM S", "SELECT v IN () AS s FROM S",
        "SELECT v DIV 2 AS s FROM S", "SELECT v MOD 2 AS s FROM S", "SELECT v // 2 AS s FROM S", "SELECT v XOR 2 AS s FROM S", "SELECT v ^ 2 AS s FROM S", "SELECT v & 2 AS s FROM S", "SELECT v | 2 AS s FROM S", "SELECT v << 2 AS s FROM S", "SELECT ~v AS s FROM S",
        "SELECT k -> 'a' AS s FROM S", "SELECT k #> 'a' AS s FROM S", "SELECT k @> 'a' AS s FROM S", "SELECT k ? 'a' AS s FROM S", "SELECT v <=> 1 AS s FROM S",
        "SELECT v::LONG AS s FROM S", "SELECT v ! AS s FROM S", "SELECT !v AS s FROM S", "SELECT |/ v AS s FROM S", "SELECT PRIOR v AS s FROM S", "SELECT (v, 1) = (1, 2) AS s FROM S",
        "SELECT (v, 1) OVERLAPS (1, 2) AS s FROM S", "SELECT v < 1 < 2 AS s FROM S", "SELECT k[1] AS s FROM S", "SELECT k.a[1] AS s FROM S", "SELECT {'a': 1} AS s FROM S", "SELECT [1, 2] AS s FROM S", "SELECT ARRAY[1] AS s FROM S",
        "SELECT x -> x + 1 AS s FROM S", "SELECT ROW(1, 2) AS s FROM S", "SELECT STRUCT(1 AS a) AS s FROM S", "SELECT MAP {'a': 1} AS s FROM S",
    ]),
    ("literals", &[
        "SELECT N'x' AS s FROM S", "SELECT X'1F' AS s FROM S", "SELECT 0x1F AS s FROM S", "SELECT B'1' AS s FROM S", "SELECT E'x' AS s FROM S", "SELECT U&'x' AS s FROM S", "SELECT R'x' AS s FROM S", "SELECT _utf8'x' AS s FROM S", "SELECT $$x$$ AS s FROM S",
        "SELECT q'[x]' AS s FROM S", "SELECT 'a' 'b' AS s FROM S", "SELECT 5L AS s FROM S", "SELECT 1_000 AS s FROM S", "SELECT ? AS s FROM S", "SELECT $1 AS s FROM S", "SELECT :p AS s FROM S", "SELECT @p AS s FROM S", "SELECT @@p AS s FROM S",
        "SELECT INTERVAL '5' SECOND AS s FROM S", "SELECT INTERVAL '1-2' YEAR TO MONTH AS s FROM S", "SELECT INTERVAL '5 SECONDS' AS s FROM S", "SELECT DATE '2020-01-01' AS s FROM S", "SELECT TIME '10:00' AS s FROM S",
        "SELECT TIMESTAMP '2020-01-01' AS s FROM S", "SELECT {d '2020-01-01'} AS s FROM S", "SELECT 5 SECONDS 3 AS s FROM S", "SELECT 5 MONTHS AS s FROM S", "SELECT 5 \"SECONDS\" AS s FROM S", "SELECT `v` AS s FROM S",
    ]),
    ("types", &[
        "SELECT CAST(v AS VARCHAR(0)) AS s FROM S", "SELECT CAST(v AS VARCHAR(2, 3)) AS s FROM S", "SELECT CAST(v AS VARCHAR(MAX)) AS s FROM S", "SELECT CAST(v AS VARCHAR(2 CHAR)) AS s FROM S", "SELECT CAST(v AS VARCHAR()) AS s FROM S",
        "SELECT CAST(v AS CHARACTER VARYING(2)) AS s FROM S", "SELECT CAST(v AS CHAR VARYING(2)) AS s FROM S", "SELECT CAST(v AS NVARCHAR(2)) AS s FROM S", "SELECT CAST(v AS CHAR(2) CHARACTER SET utf8) AS s FROM S",
        "SELECT CAST(v AS DECIMAL(0)) AS s FROM S", "SELECT CAST(v AS DECIMAL(16, 2)) AS s FROM S", "SELECT CAST(v AS NUMERIC(2, 3)) AS s FROM S", "SELECT CAST(v AS DECIMAL(5, -1)) AS s FROM S", "SELECT CAST(v AS DECIMAL(5, 1, 1)) AS s FROM S",
        "SELECT CAST(v AS DECIMAL(5) UNSIGNED) AS s FROM S", "SELECT CAST(v AS INT(11)) AS s FROM S", "SELECT CAST(v AS INT UNSIGNED) AS s FROM S", "SELECT CAST(v AS FLOAT(24)) AS s FROM S", "SELECT CAST(v AS DOUBLE(8, 2)) AS s FROM S",
        "SELECT CAST(v AS DOUBLE PRECISION) AS s FROM S", "SELECT CAST(v AS TIMESTAMP(6)) AS s FROM S", "SELECT CAST(v AS TIMESTAMP WITH TIME ZONE) AS s FROM S", "SELECT CAST(v AS TIMESTAMP WITHOUT TIME ZONE) AS s FROM S", "SELECT CAST(v AS DATE) AS s FROM S",
        "SELECT CAST(v AS BOOL(1)) AS s FROM S", "SELECT CAST(v AS INT[]) AS s FROM S", "SELECT CAST(v AS ARRAY<INT>) AS s FROM S", "SELECT CAST(v AS UUID) AS s FROM S", "SELECT CAST(v AS BYTEA) AS s FROM S", "SELECT CAST(v AS \"INT\") AS s FROM S",
        "SELECT cast(v, 'decimal(16, 2)') AS s FROM S", "SELECT cast(v, 'varchar(2) x') AS s FROM S", "SELECT convert(v, 'int unsigned') AS s FROM S", "SELECT convert(v, '') AS s FROM S", "SELECT cast(v, k) AS s FROM S",
    ]),
    ("windows", &[
        "SELECT v FROM S WINDOW('length')", "SELECT v FROM S WINDOW('length', 2, 3)", "SELECT v FROM S WINDOW('length', 0)", "SELECT v FROM S WINDOW('length', -1)", "SELECT v FROM S WINDOW('length', 1.5)", "SELECT v FROM S WINDOW('length', v)",
        "SELECT v FROM S WINDOW('length', 'x')", "SELECT v FROM S WINDOW('lengthBatch', 2, stream)", "SELECT v FROM S WINDOW('time', 0)", "SELECT v FROM S WINDOW('time', 1.5)", "SELECT v FROM S WINDOW('time', '5 SECONDS')", "SELECT v FROM S WINDOW('time', 5 SECONDS, 1)",
        "SELECT v FROM S WINDOW('timeBatch', 5 SECONDS, 0, 0)", "SELECT v FROM S WINDOW('timeLength', 5 SECONDS)", "SELECT v FROM S WINDOW('tumbling', 5 SECONDS, 1 SECOND, 1)", "SELECT v FROM S WINDOW('tumbling', 5 SECONDS, v)", "SELECT v FROM S WINDOW('hop', 5 SECONDS)",
        "SELECT v FROM S WINDOW('hop', 5 SECONDS, 0)", "SELECT v FROM S WINDOW('session', 5 SECONDS, k, 6 SECONDS)", "SELECT v FROM S WINDOW('session', 5 SECONDS, 'k')", "SELECT v FROM S WINDOW('session', 5 SECONDS, k, 1 SECOND, 1)",
        "SELECT v FROM S WINDOW('sessionBatch', 5 SECONDS, k, 1 SECOND)", "SELECT v FROM S WINDOW('externalTime', k, 5 SECONDS)", "SELECT v FROM S WINDOW('externalTime', t + 1, 5 SECONDS)", "SELECT v FROM S WINDOW('externalTime', t, 5 MICROSECONDS)",
        "SELECT v FROM S WINDOW('externalTimeBatch', t, 5 SECONDS, 0, 1 SECOND, 1)", "SELECT v FROM S WINDOW('batch', 1)", "SELECT v FROM S WINDOW('delay', 1, 1)", "SELECT v FROM S WINDOW('sort', 5)", "SELECT v FROM S WINDOW('sort', 5, v, 'up')",
        "SELECT v FROM S WINDOW('sort', 5, v, 'asc', 'desc')", "SELECT v FROM S WINDOW('unique')", "SELECT v FROM S WINDOW('unique', 'k')", "SELECT v FROM S WINDOW('unique', \"no\")", "SELECT v FROM S WINDOW('unique', 1)", "SELECT v FROM S WINDOW('firstUnique', TRUE)",
        "SELECT v FROM S WINDOW('unique', NULL)", "SELECT v FROM S WINDOW('frequent', 5, 'k')", "SELECT v FROM S WINDOW('lossyFrequent', 2)", "SELECT v FROM S WINDOW('lossyFrequent', 0.1, 0.5, 'k')", "SELECT v FROM S WINDOW('cron', '* *')",
        "SELECT v FROM S WINDOW('expression', 'count() <')", "SELECT v FROM S WINDOW('expression', v)", "SELECT v FROM S WINDOW('expressionBatch', 'count() < 5', 1)", "SELECT v FROM S WINDOW('expressionBatch', 'count() < 5', TRUE, TRUE, TRUE)",
        "SELECT v FROM S WINDOW('tumblin', 5 SECONDS)", "SELECT v FROM S WINDOW(tumbling, 5 SECONDS) OVER", "SELECT v FROM S WINDOW('length', DISTINCT 5)", "SELECT v FROM S WINDOW('length', rows => 5)",
    ]),
];

/// Whole statements and annotations.
#[rustfmt::skip]
const REFUSED_STATEMENTS: &[&str] = &[
    "@app:name('a', 'b') INSERT INTO O SELECT v FROM S", "@app:name INSERT INTO O SELECT v FROM S", "@info(name='q', level='x') INSERT INTO O SELECT v FROM S", "@info(name='q', name='r') INSERT INTO O SELECT v FROM S",
    "@app:playback(lateness='1 SECOND', lateness='2 SECONDS') INSERT INTO O SELECT v FROM S", "@app:playback @app:playback INSERT INTO O SELECT v FROM S", "@app:name('a') @app:name('b') INSERT INTO O SELECT v FROM S",
    "@app:playback('5 SECONDS') INSERT INTO O SELECT v FROM S", "@info() INSERT INTO O SELECT v FROM S", "@info('q') INSERT INTO O SELECT v FROM S", "@dist(parallel='2') INSERT INTO O SELECT v FROM S", "@info(name='q') @info(name='r') INSERT INTO O SELECT v FROM S",
    "INSERT INTO TABLE O SELECT v FROM S", "INSERT OVERWRITE O SELECT v FROM S", "INSERT OR REPLACE INTO O SELECT v FROM S", "INSERT IGNORE INTO O SELECT v FROM S", "REPLACE INTO O SELECT v FROM S",
    "INSERT INTO O (v) SELECT v FROM S", "INSERT INTO O AS o SELECT v FROM S", "INSERT INTO O PARTITION (k) SELECT v FROM S", "INSERT INTO O BY NAME SELECT v FROM S", "INSERT INTO O DEFAULT VALUES", "INSERT INTO O VALUES (1)",
    "INSERT INTO O SELECT v FROM S ON CONFLICT DO NOTHING", "INSERT INTO O SELECT v FROM S ON DUPLICATE KEY UPDATE v = 1", "INSERT INTO O SELECT v FROM S RETURNING v", "INSERT FIRST EVENTS INTO O SELECT v FROM S",
    "INSERT /*+ APPEND */ INTO O SELECT v FROM S", "WITH a AS (SELECT v FROM S) INSERT INTO O SELECT v FROM a", "EXPLAIN INSERT INTO O SELECT v FROM S", "MERGE INTO O USING S ON TRUE", "SET a = 1", "DROP STREAM S", "ALTER STREAM S ADD a INT",
    "CREATE TEMPORARY STREAM T (a INT)", "CREATE VIEW T AS SELECT v FROM S", "CREATE STREAM T AS SELECT v FROM S", "CREATE STREAM T LIKE S", "CREATE STREAM T (LIKE S)", "CREATE STREAM IF NOT EXISTS T (a INT)", "CREATE OR REPLACE STREAM T (a INT)",
    "CREATE STREAM T (a VARCHAR(2))", "CREATE STREAM T (a CHAR(1))", "CREATE STREAM T (a STRING(5))", "CREATE STREAM T (a DECIMAL(10, 1))", "CREATE STREAM T (a NUMERIC(5))", "CREATE STREAM T (a TIMESTAMP(6))", "CREATE STREAM T (a INT NOT NULL)", "CREATE STREAM T (a INT NULL)",
    "CREATE STREAM T (a INT DEFAULT 1)", "CREATE STREAM T (a INT UNIQUE)", "CREATE STREAM T (a INT CHECK (a > 1))", "CREATE STREAM T (a INT REFERENCES U (a))", "CREATE STREAM T (a INT PRIMARY KEY)", "CREATE STREAM T (a STRING COLLATE nocase)",
    "CREATE STREAM T (a INT COMMENT 'x')", "CREATE STREAM T (a INT GENERATED ALWAYS AS (1))", "CREATE STREAM T (a INT, CONSTRAINT c UNIQUE (a))", "CREATE STREAM T (a LONG, WATERMARK FOR a AS a + 1)", "CREATE STREAM T (a INT, a LONG)",
    "CREATE TEMPORARY TABLE T (a INT)", "CREATE TABLE T AS SELECT v FROM S", "CREATE TABLE T LIKE S", "CREATE TABLE T (LIKE S)", "CREATE TABLE T (a VARCHAR(2))", "CREATE TABLE T (a INT) AS SELECT v FROM S",
    "CREATE TABLE T (a INT AUTO_INCREMENT)", "CREATE TABLE T (a INT KEY)", "CREATE TABLE T (a INT, KEY (a))", "CREATE TABLE T (a INT PRIMARY KEY ASC)", "CREATE TABLE T (a INT, PRIMARY KEY (a DESC))", "CREATE TABLE T (a INT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE T (a INT CONSTRAINT c PRIMARY KEY)", "CREATE TABLE T (a INT) TTL 5 SECONDS", "CREATE INDEX i ON T (a)", "CREATE UNIQUE INDEX i ON T (a)", "CREATE WINDOW W (a INT)", "CREATE WINDOW W AS SELECT v FROM S", "CREATE WINDOW W (a INT) length(5)",
    "TRUNCATE TABLE T", "UPDATE ONLY T SET v = 1 FROM S WHERE TRUE", "UPDATE T, U SET v = 1 FROM S WHERE TRUE", "UPDATE T SET v += 1 FROM S WHERE TRUE", "UPDATE T SET (v, k) = (1, 2) FROM S WHERE TRUE",
    "UPDATE T SET v[1] = 1 FROM S WHERE TRUE", "UPDATE T SET v = 1 FROM S WHERE CURRENT OF c", "UPDATE T SET v = 1 FROM S WHERE TRUE LIMIT 1", "DELETE T FROM T USING S WHERE TRUE", "DELETE FROM T, U USING S WHERE TRUE", "DELETE FROM T USING S WHERE TRUE RETURNING v",
    "UPSERT T SELECT v FROM S ON TRUE", "UPSERT INTO T VALUES (1)", "UPSERT INTO T (v) SELECT v FROM S ON TRUE", "UPSERT INTO T SELECT v FROM S ON CONFLICT (v) DO NOTHING", "UPSERT INTO T SELECT v FROM S USING (v)",
    "CREATE STREAM T (a INT) COMMENT 'x'", "CREATE STREAM T (a INT) ENGINE = x", "CREATE STREAM T (a INT) PARTITIONED BY (a)", "CREATE STREAM T (a INT) WITH (a)", "CREATE STREAM T (a INT) WITH ('a' = 1)", "CREATE STREAM T (a INT) WITH ('a' = 'b') WITH ('c' = 'd')",
];

fn unrefused(rest: &str) -> Option<String> {
    let (text, faults) = faults(rest);
    let Some(fault) = faults.first() else {
        return Some(format!("{rest}\n  is taken"));
    };
    let span = fault.span.range();
    let inside = span.end <= text.len() && (span.start >= STREAM.len() || rest.starts_with("@app"));
    if !inside {
        return Some(format!("{rest}\n  has no place: {fault:?}"));
    }
    // what is expected there is the way out, too
    let told = fault.remedy.is_some() || fault.message.starts_with("expected ");
    (!told).then(|| format!("{rest}\n  has no remedy: {}", fault.message))
}

#[test]
fn what_is_not_obeyed_is_refused_with_place_and_remedy() {
    let mut taken = Vec::new();
    for (node, queries) in REFUSED {
        let lost = queries
            .iter()
            .filter_map(|q| unrefused(&format!("INSERT INTO O {q};")));
        taken.extend(lost.map(|lost| format!("{node}: {lost}")));
    }
    taken.extend(
        REFUSED_STATEMENTS
            .iter()
            .filter_map(|s| unrefused(&format!("{s};"))),
    );
    assert!(taken.is_empty(), "{}:\n{}", taken.len(), taken.join("\n"));
}
