//! Every kind of window, aggregate, key and clause with crashes while it holds rows, over drawn input.
//!
//! What must come out is what the same app gives without checkpoints, inline; `script` and the model test say whether
//! that is right. Besides, the state that incremental checkpoints bring back must be, byte for byte, the state that a
//! full capture of an app without checkpoints finds. A window or aggregate without a case here fails a test.

use crate::app::{Emitted, Outputs, Setup, Step, run_on, shown_rows};
use crate::crash::{failure_with, seed};
use crate::life::whole_and_restored;
use crate::literal::Literal;
use crate::source::{root, sources};
use eventflux::{AggregateFunction, EventFluxManager, Type, Value};
use eventflux_kit::Random;
use std::fs;

const STREAM: &str =
    "CREATE STREAM S (k STRING, i INT, l LONG, d DOUBLE, f FLOAT, b BOOL, ts LONG, c STRING);";

/// Windows; each with several ways to select from it.
const WINDOWS: &[&str] = &[
    "'length', 4",
    "'lengthBatch', 4",
    "'lengthBatch', 4, stream_current",
    "'time', 20 MILLISECONDS",
    "'timeBatch', 20 MILLISECONDS",
    "'timeBatch', 20 MILLISECONDS, 3",
    "'timeBatch', 20 MILLISECONDS, stream_current",
    "'timeLength', 20 MILLISECONDS, 3",
    "'tumbling', 20 MILLISECONDS",
    "'tumbling', 20 MILLISECONDS, 7",
    "'hop', 20 MILLISECONDS, 5 MILLISECONDS",
    "'sliding', 20 MILLISECONDS, 10 MILLISECONDS",
    "'session', 10 MILLISECONDS",
    "'session', 10 MILLISECONDS, k",
    "'session', 10 MILLISECONDS, k, 5 MILLISECONDS",
    "'sessionBatch', 10 MILLISECONDS",
    "'sessionBatch', 10 MILLISECONDS, k",
    "'externalTime', ts, 20 MILLISECONDS",
    "'externalTimeBatch', ts, 20 MILLISECONDS",
    "'externalTimeBatch', ts, 20 MILLISECONDS, 3, 30 MILLISECONDS",
    "'externalTimeBatch', ts, 20 MILLISECONDS, ts, 30 MILLISECONDS",
    "'batch'",
    "'delay', 10 MILLISECONDS",
    "'sort', 4, i, 'desc', k",
    "'unique', k",
    "'unique', k, b",
    "'firstUnique', k, i",
    "'frequent', 2, k",
    "'frequent', 2",
    "'lossyFrequent', 0.3, 0.1, k",
    "'cron', '*/1 * * * * *'",
    "'expression', 'count() <= 3'",
    "'expression', 'sum(i) < 9 AND eventTimestamp(last) - eventTimestamp(first) < 30'",
    "'expression', c",
    "'expressionBatch', 'count() <= 3'",
    "'expressionBatch', 'sum(i) < 9', include_triggering",
    "'expressionBatch', c, FALSE, stream_current",
];

/// What is selected from each window.
const SELECTS: &[(&str, &str, &str)] = &[
    ("ALL EVENTS ", "k, i, f", ""),
    (
        "ALL EVENTS ",
        "k, sum(i) AS s, min(l) AS m, distinctCount(b) AS n",
        "GROUP BY k",
    ),
    (
        "",
        "max(d) AS m, count() AS n, last(k) AS z, stdDev(i) AS e",
        "",
    ),
];

/// Other queries: aggregates without a window, keys of all types, clauses, chains, cycles.
const QUERIES: &[&str] = &[
    "INSERT INTO Out SELECT k, count() AS a, count(d) AS b2, count(DISTINCT i) AS c2, distinctCount(k) AS e, \
     sum(i) AS s, sum(d) AS t, avg(f) AS u, stdDev(d) AS v FROM S GROUP BY k;",
    "INSERT INTO Out SELECT min(k) AS a, max(k) AS b2, min(d) AS c2, max(f) AS e, minForever(i) AS g, \
     maxForever(k) AS h, first(k) AS j, last(d) AS m, and(b) AS n, or(b) AS o FROM S;",
    "INSERT INTO Out SELECT min(k) AS a, max(d) AS b2, minForever(i) AS g, maxForever(d) AS h, first(k) AS j, \
     last(k) AS m, and(b) AS n, or(b) AS o, count(DISTINCT k) AS p FROM S WINDOW('length', 5) GROUP BY b;",
    "INSERT INTO Out SELECT min(k) AS a, max(d) AS b2, minForever(i) AS g, first(k) AS j, last(k) AS m, and(b) AS n, \
     or(b) AS o, distinctCount(k) AS p, stdDev(d) AS q FROM S WINDOW('hop', 20 MILLISECONDS, 5 MILLISECONDS) \
     GROUP BY b;",
    "INSERT INTO Out SELECT k, stddev_samp(d) AS a, variance(d) AS b2, var_samp(l) AS c2, median(d) AS e, \
     percentile(l, 0.9) AS g, stddev_pop(f) AS h, var_pop(i) AS j FROM S GROUP BY k;",
    "INSERT INTO Out SELECT k, stddev_samp(d) AS a, variance(d) AS b2, var_samp(f) AS c2, median(d) AS e, \
     percentile(l, 0.9) AS g, sum(d) AS h, avg(d) AS j FROM S WINDOW('length', 6) GROUP BY k;",
    "INSERT INTO Out SELECT variance(l) AS a, stddev_samp(i) AS b2, median(f) AS c2, percentile(d, 1) AS e, sum(d) AS g \
     FROM S WINDOW('hop', 20 MILLISECONDS, 5 MILLISECONDS);",
    "INSERT ALL EVENTS INTO Out SELECT k, first(i) AS a, last(k) AS b2, first(d) AS c2, sum(d) AS e, median(i) AS g \
     FROM S WINDOW('sort', 5, i, 'desc');",
    "INSERT INTO Out SELECT first(i) AS a, last(k) AS b2, sum(f) AS c2, var_samp(d) AS e FROM S[i > 0] \
     WINDOW('unique', k);",
    "INSERT INTO Out SELECT k, i, count() AS n, first(d) AS f, max(k) AS m, median(l) AS e, distinctCount(b) AS u FROM S \
     WINDOW('sessionBatch', 10 MILLISECONDS, k) WHERE i > 0 GROUP BY k HAVING n > 0;",
    "INSERT INTO Out SELECT i, count() AS n FROM S GROUP BY i;",
    "INSERT INTO Out SELECT l, count() AS n FROM S GROUP BY l;",
    "INSERT INTO Out SELECT d, count() AS n FROM S GROUP BY d;",
    "INSERT INTO Out SELECT f, count() AS n FROM S GROUP BY f;",
    "INSERT INTO Out SELECT b, count() AS n FROM S GROUP BY b;",
    "INSERT INTO Out SELECT k, i, b, l % 3 AS r, sum(l) AS s FROM S GROUP BY k, i, b, l % 3;",
    "INSERT INTO Out SELECT DISTINCT k, b FROM S;",
    "INSERT ALL EVENTS INTO Out SELECT DISTINCT k, b FROM S WINDOW('length', 4);",
    "INSERT INTO Out SELECT DISTINCT k, b FROM S WINDOW('lengthBatch', 4);",
    "INSERT INTO Out SELECT k, i FROM S WINDOW('lengthBatch', 5) ORDER BY i DESC, k LIMIT 3 OFFSET 1;",
    "INSERT INTO Out SELECT k, sum(i) AS s FROM S WINDOW('time', 20 MILLISECONDS) GROUP BY k ORDER BY s LIMIT 1;",
    "INSERT INTO Out SELECT k, sum(i) AS s, count() AS n FROM S GROUP BY k HAVING n % 2 = 1 AND s > 0;",
    "INSERT INTO A SELECT k, sum(i) AS s FROM S WINDOW('length', 3) GROUP BY k; \
     INSERT INTO B SELECT k, max(s) AS m FROM A WINDOW('lengthBatch', 2) GROUP BY k; \
     INSERT INTO Out SELECT k, m, count() AS n FROM B GROUP BY k;",
    "INSERT INTO A SELECT k, sum(i) AS s FROM S WINDOW('tumbling', 10 MILLISECONDS) GROUP BY k; \
     INSERT INTO B SELECT k, avg(s) AS m FROM A WINDOW('time', 40 MILLISECONDS) GROUP BY k; \
     INSERT INTO Out SELECT k, m, count() AS n FROM B GROUP BY k;",
    "INSERT INTO T SELECT i AS v FROM S; \
     INSERT INTO T SELECT v - 1 AS v FROM T WINDOW('length', 3) WHERE v > 0; \
     INSERT INTO Out SELECT v, count() AS n FROM T GROUP BY v;",
    "INSERT INTO A SELECT k, count() AS n FROM S GROUP BY k; \
     INSERT INTO B SELECT i, count() AS n FROM S GROUP BY i; \
     INSERT INTO C SELECT count() AS n FROM S[i > 2] WINDOW('length', 9);",
    "INSERT INTO Out SELECT k, mixed(i, k) AS m FROM S GROUP BY k;",
    "INSERT ALL EVENTS INTO Out SELECT mixed(i, k) AS m FROM S WINDOW('length', 4);",
    "INSERT INTO Out SELECT b, mixed(i, k) AS m FROM S WINDOW('hop', 20 MILLISECONDS, 10 MILLISECONDS) GROUP BY b;",
    "INSERT INTO Out SELECT k, i, eventTimestamp() AS t FROM S WHERE i % 2 = 0;",
    "INSERT ALL EVENTS INTO Out SELECT k, i FROM S WINDOW('length', 3) OUTPUT EVERY 3 EVENTS;",
    "INSERT INTO Out SELECT k, i FROM S OUTPUT ALL EVERY 20 MILLISECONDS;",
    "INSERT INTO Out SELECT k, sum(i) AS n FROM S GROUP BY k OUTPUT FIRST EVERY 3 EVENTS;",
    "INSERT INTO Out SELECT k, sum(i) AS n FROM S GROUP BY k OUTPUT FIRST EVERY 15 MILLISECONDS;",
    "INSERT INTO Out SELECT k, sum(i) AS n FROM S GROUP BY k OUTPUT LAST EVERY 20 MILLISECONDS;",
    "INSERT INTO Out SELECT k, sum(i) AS n FROM S WINDOW('time', 30 MILLISECONDS) GROUP BY k OUTPUT SNAPSHOT EVERY 10 MILLISECONDS;",
    "INSERT INTO Out SELECT k, i FROM S WINDOW('length', 3) OUTPUT SNAPSHOT EVERY 10 MILLISECONDS;",
    "CREATE TRIGGER Tick AT EVERY 7 MILLISECONDS; INSERT INTO Out SELECT count() AS n, max(triggered_time) AS t FROM Tick; INSERT INTO Rows SELECT i FROM S;",
    "INSERT INTO Out SELECT k, sum(i) OVER (PARTITION BY k ROWS 2 PRECEDING) AS s, lag(d, 2) OVER (PARTITION BY b) AS l, row_number() OVER () AS n FROM S;",
    "INSERT INTO Out SELECT k, max(i) OVER (PARTITION BY k RANGE 20 MILLISECONDS PRECEDING) AS s FROM S;",
    "PARTITION WITH (k OF S) WITH ('purge.idle'='12 MILLISECONDS') BEGIN INSERT INTO #M SELECT k, i, count() AS n FROM S; INSERT INTO Out SELECT k, sum(i) AS s, max(n) AS m FROM #M WINDOW('length', 2); END;",
    "PARTITION WITH (b OF S) BEGIN INSERT INTO Out SELECT k, sum(i) AS s FROM S GROUP BY k OUTPUT LAST EVERY 3 EVENTS; END;",
    "PARTITION WITH (k OF S) WITH ('purge.idle'='12 MILLISECONDS', 'purge.interval'='1 MILLISECOND') BEGIN INSERT INTO Out SELECT b, sum(i) AS s FROM S GROUP BY b OUTPUT LAST EVERY 2 EVENTS; INSERT INTO D SELECT DISTINCT k, i FROM S WINDOW('length', 3); INSERT INTO P SELECT a.k AS k, b.i AS y FROM PATTERN (EVERY a=S -> b=S[i > a.i]) WITHIN 30 MILLISECONDS; END;",
    "PARTITION WITH (k OF S) BEGIN INSERT INTO Out SELECT a.k AS k, a.i AS x, b.i AS y FROM PATTERN (EVERY a=S -> b=S[i > a.i]) WITHIN 30 MILLISECONDS; END;",
    "PARTITION WITH (k OF S) BEGIN INSERT INTO Out SELECT a.k AS k, a.i AS x, b.l AS y FROM SEQUENCE (EVERY a=S, b=S[i <> a.i]); INSERT INTO D SELECT DISTINCT k, i FROM S; END;",
    "PARTITION WITH (i < 3 AS 'low', i >= 2 AS 'high' OF S) WITH ('unmatched'='Rest') BEGIN INSERT INTO Out SELECT k, count() AS n, sum(d) AS s FROM S GROUP BY k; END;",
];

/// Joins, tables and named windows, over two streams of the rows of `S`.
const MEETINGS: &[&str] = &[
    "INSERT ALL EVENTS INTO Out SELECT a.k AS k, a.i AS x, r.i AS y FROM S WINDOW('length', 4) AS a \
     JOIN S WINDOW('length', 3) AS r ON a.k = r.k;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('time', 20 MILLISECONDS) \
     FULL JOIN B WINDOW('time', 9 MILLISECONDS) ON A.k = B.k AND A.i < B.l;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('sort', 3, i) \
     LEFT JOIN B WINDOW('unique', k) ON A.k = B.k AND A.i <> B.l % 5;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, count() AS n, sum(d) AS s, max(i) AS m, count(l) AS c \
     FROM A WINDOW('length', 5) LEFT JOIN B WINDOW('timeLength', 20 MILLISECONDS, 3) ON A.k = B.k GROUP BY A.k;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('timeBatch', 20 MILLISECONDS) \
     FULL JOIN B WINDOW('timeBatch', 20 MILLISECONDS) ON A.k = B.k;",
    "INSERT INTO Out SELECT A.k AS k, count() AS n, sum(l) AS s FROM A WINDOW('tumbling', 10 MILLISECONDS) \
     JOIN B WINDOW('tumbling', 10 MILLISECONDS) ON A.k = B.k GROUP BY A.k;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('session', 10 MILLISECONDS, k) \
     RIGHT JOIN B WINDOW('hop', 20 MILLISECONDS, 10 MILLISECONDS) ON A.k = B.k;",
    "INSERT ALL EVENTS INTO Out SELECT DISTINCT A.k AS k, A.b AS b FROM A WINDOW('lengthBatch', 3) \
     JOIN B WINDOW('externalTime', ts, 20 MILLISECONDS) ON A.k = B.k;",
    "INSERT INTO Out SELECT A.k AS k, A.i AS x, l, eventTimestamp(B) AS t FROM A LEFT JOIN B ON A.k = B.k AND l > 0;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('time', 9 MILLISECONDS) UNIDIRECTIONAL \
     LEFT JOIN B WINDOW('length', 2) ON A.k = B.k;",
    "INSERT INTO Out SELECT A.k AS k, A.i AS x, l FROM A ASOF LEFT JOIN B ON A.k = B.k WITHIN 30 MILLISECONDS;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, l FROM A WINDOW('time', 9 MILLISECONDS) \
     ASOF JOIN B[l IS NOT NULL] ON A.k = B.k AND A.b = B.b;",
    "INSERT ALL EVENTS INTO Out SELECT A.k AS k, A.i AS x, B.l AS y, c.d AS z FROM A WINDOW('length', 3) \
     LEFT JOIN B WINDOW('length', 3) ON A.k = B.k FULL JOIN S WINDOW('length', 2) AS c ON A.b = c.b;",
    "INSERT INTO P SELECT k, sum(i) AS s FROM A GROUP BY k; \
     INSERT INTO Q SELECT k, max(d) AS m FROM A WINDOW('time', 20 MILLISECONDS) GROUP BY k; \
     INSERT ALL EVENTS INTO Out SELECT P.k AS k, s, m FROM P WINDOW('unique', k) FULL JOIN Q WINDOW('length', 2) ON P.k = Q.k;",
    "CREATE TABLE T (k STRING PRIMARY KEY, v LONG, t STRING) WITH ('index'='v', 'ttl'='60 MILLISECONDS'); \
     UPSERT INTO T SELECT k, i AS v, 'a text that does not fit in twenty-three bytes' AS t FROM A ON T.k = A.k; \
     UPDATE T SET v = T.v + B.l % 7, t = B.k FROM B WHERE T.v >= B.j; \
     DELETE FROM T USING S[i = 3] WHERE T.k = S.k; \
     INSERT ALL EVENTS INTO Out SELECT S.k AS k, v, t FROM S WINDOW('length', 2) LEFT JOIN T ON S.k = T.k;",
    "CREATE TABLE T (k STRING, i INT, PRIMARY KEY (k, i)); \
     INSERT INTO T SELECT k, i FROM A; \
     UPDATE T SET i = 4 - T.i FROM B WHERE T.k = B.k; \
     INSERT ALL EVENTS INTO Out SELECT S.k AS k, S.i AS i, (S.k = T.k AND S.i = T.i) IN T AS known \
     FROM S WINDOW('time', 9 MILLISECONDS);",
    "CREATE TABLE T (k STRING, n LONG); \
     INSERT INTO T SELECT k, count() AS n FROM S[NOT ((S.k = T.k AND T.n > 3) IN T)] GROUP BY k; \
     INSERT INTO Out SELECT A.k AS k, n, count() AS c FROM A JOIN T ON A.k = T.k GROUP BY A.k;",
    "CREATE AGGREGATION R WITH ('retention.seconds'='1 SECOND') AS SELECT k, count() AS n, sum(i) AS s, avg(d) AS m, first(d) AS f, \
     count(DISTINCT i) AS u, b FROM A GROUP BY k AGGREGATE EVERY SECONDS, MINUTES; \
     INSERT INTO Out SELECT B.k AS k, AGG_TIMESTAMP, n, s, m, f, u, R.b AS b FROM B LEFT JOIN R ON B.k = R.k PER 'SECONDS'; \
     INSERT INTO Minutes SELECT R.k AS k, n, s FROM B JOIN R ON B.j < n WITHIN 0, B.ts * 100000 PER 'MINUTES';",
    "CREATE AGGREGATION R AS SELECT sum(i) AS s, last(k) AS z FROM S AGGREGATE BY ts * 700 EVERY SECONDS ... DAYS; \
     INSERT ALL EVENTS INTO Out SELECT k, AGG_TIMESTAMP, s, z FROM B WINDOW('length', 2) JOIN R ON TRUE PER 'SECONDS';",
    "CREATE WINDOW W (k STRING, i INT) WINDOW('length', 4); \
     CREATE WINDOW V (k STRING, l LONG) WINDOW('time', 20 MILLISECONDS); \
     INSERT INTO W SELECT k, i FROM A; INSERT INTO W SELECT k, j FROM B[j > 2]; INSERT INTO V SELECT k, l FROM B; \
     INSERT ALL EVENTS INTO Sums SELECT k, sum(i) AS s FROM W GROUP BY k; \
     INSERT ALL EVENTS INTO Out SELECT W.k AS k, i, l FROM W FULL JOIN V ON W.k = V.k;",
    "CREATE WINDOW W (k STRING, i INT) WINDOW('lengthBatch', 3) OUTPUT CURRENT EVENTS; \
     CREATE WINDOW V (k STRING, i INT) WINDOW('time', 20 MILLISECONDS) OUTPUT EXPIRED EVENTS; \
     INSERT INTO W SELECT k, i FROM A; INSERT INTO V SELECT k, j FROM B; \
     INSERT INTO Out SELECT k, count() AS n FROM W GROUP BY k; INSERT ALL EVENTS INTO Old SELECT k, i FROM V;",
];

/// Patterns and sequences, over `S` and two streams of its rows.
const PATTERNS: &[&str] = &[
    "INSERT INTO Out SELECT a.k AS k, a.i AS x, b.l AS y FROM PATTERN (EVERY a=A -> b=B[k = a.k]) WITHIN 20 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, b.k AS k2, a.i AS x, b.l AS y, eventTimestamp(a) AS t \
     FROM PATTERN (EVERY a=A -> b=B[l > a.i] WITHIN 9 MILLISECONDS);",
    "INSERT INTO Out SELECT a.k AS k, b[0].k AS b0, b[last].k AS z, b[last-1].d AS y, c.j AS c, count(b.l) AS n, \
     sum(b.d) AS s, avg(b.i) AS m, min(b.k) AS lo, max(b.k) AS hi, count(DISTINCT b.k) AS u \
     FROM PATTERN (EVERY a=A -> b=S{2,5} -> c=B[k = a.k]) WITHIN 60 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, b[1].k AS b1, c.k AS c, b IS NULL AS no FROM PATTERN (EVERY a=A -> b=B* -> c=A[i > a.i]) \
     WITHIN 40 MILLISECONDS EMIT TIMEOUT INTO Expired;",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y FROM PATTERN (EVERY (a=A -> b=B)) WITHIN 20 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, b.k AS b2, c.i AS x FROM PATTERN (EVERY (a=A -> EVERY b=B -> c=A[i = b.j - 1])) \
     WITHIN 60 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y FROM PATTERN (EVERY a=A -> b=B[k = a.k]) WITHIN 60 MILLISECONDS \
     AFTER MATCH SKIP PAST LAST ROW;",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y, c.i AS x FROM PATTERN (EVERY (a=A AND b=B) -> c=S[i = 1] OR d=S[i = 3]);",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y, c.i AS x \
     FROM PATTERN (EVERY a=A -> (b=B AND (c=S[i = 2] OR (d=S[i = 3] AND NOT S[i = 4]))) -> e=A) WITHIN 90 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, a.i AS x FROM PATTERN (EVERY a=A -> NOT B[k = a.k] FOR 9 MILLISECONDS);",
    "INSERT INTO Out SELECT a.k AS k, c.i AS x \
     FROM PATTERN (EVERY a=A -> NOT B FOR 4 MILLISECONDS -> c=S[k = a.k]) WITHIN 30 MILLISECONDS;",
    "INSERT INTO Out SELECT b.k AS k FROM PATTERN (EVERY NOT A FOR 20 MILLISECONDS -> b=B);",
    "INSERT INTO Out SELECT a.k AS k, c.k AS c FROM PATTERN (EVERY (a=A -> NOT B AND c=S[i > 2]));",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y FROM PATTERN (a=A -> b=B) WITHIN 60 MILLISECONDS;",
    "INSERT INTO P SELECT a.k AS k, b.j AS n FROM PATTERN (EVERY a=A -> b=B); \
     INSERT INTO Out SELECT a.k AS k, b.n AS n FROM PATTERN (EVERY a=P -> b=P[n <> a.n]); \
     INSERT INTO Sums SELECT a.k AS k, count() AS n, sum(b.d) AS s FROM PATTERN (EVERY a=A -> b=S) GROUP BY a.k;",
    // So many that rows are looked up by their constant.
    "INSERT INTO P0 SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 0] -> b=S[i = 0 AND l >= a.l]) WITHIN 10 MILLISECONDS; \
     INSERT INTO Out SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 1] -> b=S[i = 1 AND l >= a.l]) WITHIN 15 MILLISECONDS; \
     INSERT INTO P2 SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 2] -> b=S[i = 2 AND l >= a.l]) WITHIN 20 MILLISECONDS; \
     INSERT INTO Out SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 3] -> b=S[i = 0 AND l >= a.l]) WITHIN 25 MILLISECONDS; \
     INSERT INTO P4 SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 0] -> b=S[i = 1 AND l >= a.l]) WITHIN 30 MILLISECONDS; \
     INSERT INTO Out SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 1] -> b=S[i = 2 AND l >= a.l]) WITHIN 35 MILLISECONDS; \
     INSERT INTO P6 SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 2] -> b=S[i = 0 AND l >= a.l]) WITHIN 40 MILLISECONDS; \
     INSERT INTO Out SELECT a.i AS x, b.l AS y FROM PATTERN (EVERY a=S[i = 3] -> b=S[i = 1 AND l >= a.l]) WITHIN 45 MILLISECONDS;",
    "INSERT INTO Out SELECT a.k AS k, b.l AS y FROM SEQUENCE (EVERY a=A, b=B);",
    "INSERT INTO Out SELECT a.k AS k, b[0].i AS f, b[last].i AS z, c.i AS c \
     FROM SEQUENCE (EVERY a=S, b=S[b[last].i IS NULL AND i >= a.i OR i >= b[last].i]+, c=S[i < b[last].i]) \
     WITHIN 60 MILLISECONDS EMIT TIMEOUT INTO Expired;",
    "INSERT INTO Out SELECT a[0].k AS k, count(a.i) AS n, b[0].l AS y FROM SEQUENCE (EVERY a=A+, b=B*, c=A[i = 0]) WITHIN 1 HOURS;",
    "INSERT INTO Out SELECT a.k AS k FROM SEQUENCE (EVERY a=A, NOT B[j = 3] FOR 9 MILLISECONDS, b=S);",
    "INSERT INTO Out SELECT a.k AS k, b.k AS b2 FROM SEQUENCE (EVERY a=A, b=B AND NOT A[i = 0], c=S);",
];

/// Operators that have no window and no aggregate of their own, and a text that only apps with one have.
const OPERATORS: &[(&str, &str)] = &[
    ("All", "OUTPUT ALL"),
    ("Distinct", "SELECT DISTINCT"),
    ("Door", "PARTITION WITH"),
    ("Filter", "FROM S["),
    ("FirstIn", "OUTPUT FIRST EVERY 15"),
    ("InOrder", "lateness="),
    ("Join", " JOIN "),
    ("Keep", "CREATE WINDOW W"),
    ("Last", "OUTPUT LAST"),
    ("LastOfGroups", "GROUP BY k OUTPUT LAST EVERY 3 EVENTS"),
    ("Members", ") IN T"),
    ("Nth", "OUTPUT FIRST EVERY 3"),
    ("Numbered", "first(i) AS a, last(k) AS b2"),
    ("OnTime", " ASOF "),
    ("Over", " OVER ("),
    ("PaneAggregate", "FROM S WINDOW('hop'"),
    ("PaneRows", "JOIN B WINDOW('tumbling'"),
    ("Pattern", "FROM PATTERN (EVERY"),
    ("RollupAggregate", "CREATE AGGREGATION R"),
    ("RunningAggregate", "GROUP BY k"),
    ("Select", "ORDER BY"),
    (
        "SessionAggregate",
        "'sessionBatch', 10 MILLISECONDS, k) WHERE",
    ),
    ("Snapshot", "OUTPUT SNAPSHOT"),
    ("Trigger", "CREATE TRIGGER"),
    ("Write", "UPDATE T"),
];

/// Counts, mixes numbers, and remembers a text longer than any that is kept in place.
struct Mixed;

impl AggregateFunction for Mixed {
    fn result(&self, _args: &[Type]) -> Result<Type, String> {
        Ok(Type::String)
    }
    fn empty(&self) -> Vec<Value> {
        vec![
            Value::Long(0),
            Value::Null,
            Value::Bool(false),
            Value::Double(0.0),
        ]
    }
    fn add(&self, state: &mut [Value], args: &[Value]) {
        self.change(state, args, 1);
        if let Value::String(text) = &args[1] {
            state[1] =
                Value::from(format!("the last text of this group is: {}", text.as_str()).as_str());
        }
    }
    fn retract(&self, state: &mut [Value], args: &[Value]) {
        self.change(state, args, -1);
    }
    fn merge(&self, state: &mut [Value], other: &[Value]) {
        self.change(state, &[other[0].clone()], 1);
        if !matches!(other[1], Value::Null) {
            state[1] = other[1].clone();
        }
    }
    fn value(&self, state: &[Value]) -> Value {
        Value::from(format!("{state:?}").as_str())
    }
}

impl Mixed {
    fn change(&self, state: &mut [Value], args: &[Value], sign: i64) {
        let by = match args[0] {
            Value::Int(v) => i64::from(v),
            Value::Long(v) => v,
            _ => 100,
        };
        if let Value::Long(sum) = &mut state[0] {
            *sum += sign * by;
        }
        if let Value::Double(half) = &mut state[3] {
            *half += 0.5 * (sign * by) as f64;
        }
        state[2] = Value::Bool(sign > 0);
    }
}

fn manager() -> EventFluxManager {
    let mut manager = EventFluxManager::new();
    let registered = manager.register_aggregate("mixed", Mixed);
    registered.expect("the name is free");
    manager
}

/// All apps of the table; every third one with lateness.
fn apps() -> Vec<String> {
    let select = |window: &str, (events, items, rest): &(&str, &str, &str)| {
        format!("INSERT {events}INTO Out SELECT {items} FROM S WINDOW({window}) {rest};")
    };
    let windows = WINDOWS.iter();
    let windows = windows.flat_map(|w| SELECTS.iter().map(move |s| select(w, s)));
    let others = QUERIES.iter().map(|q| q.to_string());
    // A condition that rows bring is one for all keys, and refused.
    let apart = WINDOWS.iter().filter(|w| !w.contains(", c"));
    let apart = apart.map(|window| {
        let query = select(window, &("ALL EVENTS ", "k, i, sum(d) AS s", ""));
        format!("PARTITION WITH (k OF S) BEGIN {query} END;")
    });
    let others = others.chain(apart);
    let clock = |n: usize| match (n + n / 3) % 3 {
        2 => "@app:playback(lateness='6 MILLISECONDS')",
        _ => "@app:playback",
    };
    let whole = |(n, query): (usize, String)| format!("{} {STREAM} {query}", clock(n));
    let meetings = MEETINGS.iter().chain(PATTERNS);
    let meetings = meetings.map(|m| {
        let even = "INSERT INTO A SELECT k, i, d, b FROM S WHERE i % 2 = 0;";
        let odd = "INSERT INTO B SELECT k, i AS j, l, b, ts FROM S WHERE i % 2 = 1;";
        format!("{even} {odd} {m}")
    });
    let all = windows.chain(others).chain(meetings);
    all.enumerate().map(whole).collect()
}

/// Sends of one row and of several, late rows, pauses, the clock alone; every type with NULLs.
fn timeline(draw: &mut Random) -> Vec<Step> {
    let (mut at, mut ts) = (0i64, 1_000i64);
    let keys = [5, 5, 60][draw.below(3)];
    let mut steps = Vec::new();
    while steps.len() < 32 {
        at += [0, 1_000, 3_000, 9_000, 26_000][draw.below(5)];
        if draw.below(40) == 0 {
            at += 1_200_000;
        }
        if draw.below(9) == 0 {
            steps.push(Step::Clock(at));
            continue;
        }
        let rows = (0..1 + [0, 0, 0, 3][draw.below(4)]).map(|_| {
            ts += [0, 1, 4, 15][draw.below(4)];
            let late = [0, 0, 0, 5_000][draw.below(4)];
            let told = draw.below(8) > 0;
            (told.then_some(at - late), row(draw, keys, ts))
        });
        let rows: Vec<_> = rows.collect();
        // A row without a time needs a clock.
        let first = steps.is_empty() && rows[0].0.is_none();
        steps.extend((!first).then(|| Step::Send("S".to_string(), rows)));
    }
    steps
}

fn row(draw: &mut Random, keys: usize, ts: i64) -> Vec<Literal> {
    let texts = [
        "a",
        "b",
        "",
        "a text that does not fit in twenty-three bytes, c",
    ];
    let conditions = ["count() <= 2", "count() <= 4", "sum(i) < 7"];
    let text = |t: &str| Literal::Text(t.to_string());
    let number = draw.below(keys) as i64;
    let mut values = vec![
        text(texts[draw.below(4)]),
        Literal::Integer(number),
        Literal::Integer([0, 7, i64::MAX, -9_007_199_254_740_993][draw.below(4)]),
        Literal::Decimal([0.0, 0.5, -2.25, 1e300][draw.below(4)], 0.0),
        Literal::Decimal([0.0, 0.5, -2.25, 8.0][draw.below(4)], 0.0),
        Literal::Bool(draw.below(2) == 0),
    ];
    for value in &mut values {
        if draw.below(9) == 0 {
            *value = Literal::Null;
        }
    }
    values.push(Literal::Integer(ts));
    values.push(text(conditions[draw.below(9_usize).saturating_sub(6)]));
    values
}

/// What differs; rows come in any order where several workers run.
pub fn difference(want: &Outputs, got: &Outputs, workers: usize) -> Option<String> {
    let streams = want.keys().chain(got.keys());
    streams.into_iter().find_map(|stream| {
        let rows = |from: &Outputs| {
            let rows: &[Emitted] = from.get(stream).map_or(&[], Vec::as_slice);
            let mut lines: Vec<String> = shown_rows(rows);
            if workers > 1 {
                lines.sort_unstable();
            }
            lines
        };
        let (want, got) = (rows(want), rows(got));
        let place = (0..want.len().max(got.len())).find(|i| want.get(*i) != got.get(*i))?;
        let (w, g) = (want.get(place), got.get(place));
        Some(format!("{stream}, row {place}: expected {w:?}, got {g:?}"))
    })
}

fn check(remainder: usize) {
    let mut failures = Vec::new();
    for (number, app) in apps()
        .iter()
        .enumerate()
        .filter(|(n, _)| n % 2 == remainder)
    {
        let steps = timeline(&mut Random::named(seed(), app));
        let want = run_on(&manager(), app, &steps, Setup::INLINE);
        let want = want.unwrap_or_else(|e| panic!("{app}: {e}"));
        let differs = |got: &Outputs, setup: Setup| difference(&want, got, setup.workers);
        let name = format!("case {number}");
        let failed = failure_with(&name, app, &steps, &manager, &differs);
        failures.extend(failed.map(|why| format!("{app}\n{why}")));
    }
    let number = failures.len();
    failures.truncate(12);
    assert!(number == 0, "{number} apps:\n{}", failures.join("\n\n"));
}

#[test]
fn every_kind_survives_crashes_even() {
    check(0);
}

#[test]
fn every_kind_survives_crashes_odd() {
    check(1);
}

#[test]
fn incremental_state_is_the_whole_state() {
    let mut failures = Vec::new();
    for app in apps() {
        let mut draw = Random::named(seed(), &app);
        let steps = timeline(&mut draw);
        let line = 1 + draw.below(steps.len());
        let why = match whole_and_restored(&manager, &app, &steps[..line]) {
            Err(error) => error,
            Ok((whole, restored)) if whole == restored => continue,
            Ok((whole, restored)) => {
                let differ = |i: &usize| whole.get(*i) != restored.get(*i);
                let place = (0..whole.len().max(restored.len())).find(differ);
                let place = place.expect("they differ");
                let (w, r) = (whole.get(place), restored.get(place));
                format!("whole:    {w:?}\nrestored: {r:?}")
            }
        };
        failures.push(format!("SEED={} {line} lines of {app}\n{why}", seed()));
    }
    let number = failures.len();
    failures.truncate(12);
    assert!(number == 0, "{number} apps:\n{}", failures.join("\n\n"));
}

/// The first strings of the tuples of a table in a source file.
fn names_of(path: &str, table: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(path)).expect("the file exists");
    let from = text.find(table).expect("the table exists");
    let end = text[from..].find("\n];").expect("the table ends") + from;
    let tuples = text[from..end].split('(').skip(1);
    let first = tuples.filter_map(|t| t.trim_start().strip_prefix('"')?.split('"').next());
    first.map(str::to_string).collect()
}

#[test]
fn every_window_and_aggregate_has_a_case() {
    let windows = names_of("src/plan/window_args.rs", "const WINDOWS: [");
    assert!(windows.len() >= 22, "{windows:?}");
    let apps = apps();
    for window in windows {
        let written = format!("WINDOW('{window}'");
        let known = apps.iter().any(|app| app.contains(&written));
        assert!(known, "window {window} has no case with crashes");
    }
    let aggregates = names_of("src/operator/aggregate/function.rs", "const AGGREGATES: [");
    assert!(aggregates.len() >= 13, "{aggregates:?}");
    for aggregate in aggregates
        .iter()
        .map(String::as_str)
        .chain(["count(DISTINCT i"])
    {
        let written = format!(" {}(", aggregate.trim_end_matches("(DISTINCT i"));
        let known = |app: &&String| app.contains(&written) || app.contains(aggregate);
        assert!(
            apps.iter().any(|app| known(&app)),
            "aggregate {aggregate} has no case with crashes"
        );
    }
}

/// The operators of the files of a folder, by the name of their type.
fn operators(folder: &str) -> Vec<String> {
    let found = sources(&[folder]).into_iter().filter(|s| !s.is_test());
    let names = found.flat_map(|s| {
        let parts = s.code.split("impl Operator for ").skip(1);
        let name = |part: &str| {
            part.split([' ', '<'])
                .next()
                .unwrap_or_default()
                .to_string()
        };
        parts.map(name).collect::<Vec<String>>()
    });
    names.collect()
}

#[test]
fn every_operator_has_a_case() {
    // windows are asked for by name above
    let windows = operators("src/operator/window");
    let mut all = operators("src/operator");
    let named: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
    all.retain(|name| named.contains(&name.as_str()) || !windows.contains(name));
    all.sort_unstable();
    assert_eq!(all, named, "the operators, and those that have a case");
    let apps = apps();
    for (name, text) in OPERATORS {
        let known = apps.iter().any(|app| app.contains(text));
        assert!(known, "{name} has no case with crashes");
    }
    for kind in [
        "LEFT",
        "RIGHT",
        "FULL",
        "ASOF",
        "UNIDIRECTIONAL",
        "UPSERT",
        "DELETE",
        "CREATE WINDOW",
        "FROM SEQUENCE",
        "EMIT TIMEOUT",
        "SKIP PAST",
        " AND NOT ",
        " FOR 9 MILLISECONDS",
    ] {
        assert!(
            apps.iter().any(|app| app.contains(kind)),
            "{kind} has no case with crashes"
        );
    }
}
