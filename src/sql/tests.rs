//! What the parser reads and refuses, as tables; and that nothing makes it panic.

use super::ast::*;
use super::limits::*;
use super::parse;
use super::{clause_tests, join_tests, pattern_tests, table_tests};
use crate::error::FAULTS_MAX;
use eventflux_kit::Random;

/// The tree in few signs: `(+ a 1)`, `(and x y)`, `f(a, b)`.
fn show(expr: &Expr) -> String {
    let list = |l: &[Expr]| l.iter().map(show).collect::<Vec<_>>().join(", ");
    let not = |n: &bool| if *n { "not-" } else { "" };
    match &expr.kind {
        ExprKind::Literal(crate::event::Value::String(s)) => format!("'{s}'"),
        ExprKind::Literal(v) => v.to_string(),
        ExprKind::Duration(us) => format!("{us}us"),
        ExprKind::Column {
            qualifier,
            name,
            quoted,
        } => {
            let q = qualifier.as_ref().map(|q| format!("{}.", q.text));
            let mark = if *quoted { "\"" } else { "" };
            format!("{}{mark}{}{mark}", q.unwrap_or_default(), name.text)
        }
        ExprKind::Unary(Unary::Not, x) => format!("(not {})", show(x)),
        ExprKind::Unary(Unary::Minus, x) => format!("(- {})", show(x)),
        ExprKind::Binary(op, a, b) => {
            let sign = match op {
                Binary::Add => "+",
                Binary::Sub => "-",
                Binary::Mul => "*",
                Binary::Div => "/",
                Binary::Mod => "%",
                Binary::Eq => "=",
                Binary::NotEq => "<>",
                Binary::Lt => "<",
                Binary::LtEq => "<=",
                Binary::Gt => ">",
                Binary::GtEq => ">=",
                Binary::And => "and",
                Binary::Or => "or",
            };
            format!("({sign} {} {})", show(a), show(b))
        }
        ExprKind::IsNull(x, n) => format!("({}null {})", not(n), show(x)),
        ExprKind::InTable(x, table, n) => format!("({}in {} {})", not(n), show(x), table.text),
        ExprKind::In(x, l, n) => format!("({}in {} [{}])", not(n), show(x), list(l)),
        ExprKind::Between(x, a, b, n) => {
            format!("({}between {} {} {})", not(n), show(x), show(a), show(b))
        }
        ExprKind::Like(x, p, n) => format!("({}like {} {})", not(n), show(x), show(p)),
        ExprKind::AtZone(x, z) => format!("(at {} {})", show(x), show(z)),
        ExprKind::Case {
            operand,
            branches,
            otherwise,
        } => {
            let mut text = String::from("(case");
            text += &operand
                .as_ref()
                .map_or(String::new(), |x| format!(" {}", show(x)));
            for (when, then) in branches {
                text += &format!(" {}:{}", show(when), show(then));
            }
            text += &otherwise
                .as_ref()
                .map_or(String::new(), |x| format!(" else {}", show(x)));
            text + ")"
        }
        ExprKind::Cast(x, to) if to.is_instant => format!("(cast {} instant)", show(x)),
        ExprKind::Cast(x, to) => match to.size {
            None => format!("(cast {} {})", show(x), to.ty),
            Some(size) => format!("(cast {} {} {size:?})", show(x), to.ty),
        },
        ExprKind::Call {
            name,
            args,
            distinct,
        } => {
            let d = if *distinct { "distinct " } else { "" };
            format!("{}({d}{})", name.text, list(args))
        }
        ExprKind::Over(call, over) => {
            let order = over
                .order
                .as_ref()
                .map_or(String::new(), |x| format!(" order {}", show(x)));
            let frame = over
                .frame
                .map_or(String::new(), |f| format!(" {:?}", f.bound));
            format!(
                "(over {} by [{}]{order}{frame})",
                show(call),
                list(&over.keys)
            )
        }
        ExprKind::Nth { term, nth, name } => match nth {
            Nth::First(n) => format!("{}[{n}].{}", term.text, name.text),
            Nth::Last(n) => format!("{}[last-{n}].{}", term.text, name.text),
        },
    }
}

fn show_alias(alias: &Option<Name>) -> String {
    let alias = alias.as_ref().map(|a| format!(" as {}", a.text));
    alias.unwrap_or_default()
}

fn show_window(w: &Window) -> String {
    let args = w.args.iter().map(show).collect::<Vec<_>>().join(", ");
    format!("window {}({args})", w.name.text)
}

pub(super) fn show_source(source: &Source) -> String {
    let mut out = source.stream.text.clone() + &show_alias(&source.alias);
    for f in &source.filters {
        out += &format!(" [{}]", show(f));
    }
    let window = source.window.as_ref();
    out += &window.map_or(String::new(), |w| format!(" {}", show_window(w)));
    if source.unidirectional.is_some() {
        out += " alone";
    }
    if let Some(reach) = &source.reach {
        let within = reach.within.iter();
        let ends = within.flat_map(|(start, end)| std::iter::once(start).chain(end));
        ends.for_each(|end| out += &format!(" within {}", show(end)));
        out += &reach
            .per
            .map_or(String::new(), |(per, _)| format!(" per {per}"));
    }
    out
}

fn show_join((join, source): (&Join, &Source)) -> String {
    let mut out = format!(
        "{:?} {} on {}",
        join.kind,
        show_source(source),
        show(&join.on)
    );
    if let Some((us, _)) = join.within {
        out += &format!(" within {us}us");
    }
    out
}

fn show_action(q: &Query) -> String {
    let target = &q.target.text;
    match &q.action {
        Action::Insert => format!("{:?}->{target}", q.events),
        Action::Update { set, on } => {
            let set = set
                .iter()
                .map(|(n, x)| format!("{}={}", n.text, show(x)))
                .collect::<Vec<_>>();
            format!("update {target} set {} on {}", set.join(", "), show(on))
        }
        Action::Delete { on } => format!("delete {target} on {}", show(on)),
        Action::Upsert { on } => format!("upsert {target} on {}", show(on)),
    }
}

fn show_query(q: &Query) -> String {
    let mut parts = Vec::new();
    let mut put = |text: String| parts.push(text);
    if let Some(name) = &q.name {
        put(format!("@{}", name.text));
    }
    put(show_action(q));
    if q.distinct.is_some() {
        put("distinct".into());
    }
    let items = q.select.iter().map(|item| match item {
        SelectItem::Star(_) => "*".into(),
        SelectItem::Expr { expr, alias } => show(expr) + &show_alias(alias),
    });
    let items = items.collect::<Vec<_>>().join(", ");
    if !items.is_empty() {
        put(items);
    }
    match &q.pattern {
        Some(pattern) => put(pattern_tests::show_pattern(pattern, &q.sources)),
        None => {
            put(format!("from {}", show_source(&q.sources[0])));
            assert_eq!(q.joins.len() + 1, q.sources.len());
        }
    }
    q.joins
        .iter()
        .zip(&q.sources[1..])
        .for_each(|j| put(show_join(j)));
    if let Some(f) = &q.filter {
        put(format!("where {}", show(f)));
    }
    if !q.group_by.is_empty() {
        let keys = q.group_by.iter().map(show).collect::<Vec<_>>();
        put(format!("group {}", keys.join(", ")));
    }
    if let Some(f) = &q.having {
        put(format!("having {}", show(f)));
    }
    for (e, descending) in &q.order_by {
        let sign = if *descending { " desc" } else { "" };
        put(format!("order {}{sign}", show(e)));
    }
    if let Some((n, _)) = q.limit {
        put(format!("limit {n}"));
    }
    if let Some((n, _)) = q.offset {
        put(format!("offset {n}"));
    }
    if let Some(rate) = &q.rate {
        put(format!("output {:?} {:?}", rate.rows, rate.pace));
    }
    parts.join(" ")
}

fn show_attributes(name: &Name, attributes: &[(Name, crate::event::Type)]) -> String {
    let attributes = attributes.iter().map(|(n, t)| format!("{} {t}", n.text));
    format!(
        "{}({})",
        name.text,
        attributes.collect::<Vec<_>>().join(", ")
    )
}

fn show_options(options: &[(Name, Name)]) -> String {
    let options = options
        .iter()
        .map(|(k, v)| format!(" {}={}", k.text, v.text));
    options.collect()
}

pub(super) fn show_app(app: &App) -> String {
    let mut parts = Vec::new();
    if let Some(name) = &app.name {
        parts.push(format!("app {}", name.text));
    }
    if app.playback {
        parts.push(format!(
            "playback {} {:?}",
            app.lateness_us, app.idle_timeout_us
        ));
        parts.extend(app.ahead_max_us.map(|us| format!("ahead {us}")));
    }
    if app.processing {
        parts.push(format!("processing {:?}", app.clock_back));
    }
    for statement in &app.statements {
        parts.push(match statement {
            Statement::Query(q) => show_query(q),
            Statement::Stream(s) => format!(
                "stream {}{}",
                show_attributes(&s.name, &s.attributes),
                show_options(&s.options)
            ),
            Statement::Table(t) => {
                let key: Vec<_> = t.key.iter().map(|k| k.text.as_str()).collect();
                let attributes = show_attributes(&t.name, &t.attributes);
                let options = show_options(&t.options);
                format!("table {attributes} key {}{options}", key.join(","))
            }
            Statement::Window(w) => {
                let attributes = show_attributes(&w.name, &w.attributes);
                let window = show_window(&w.window);
                format!("named {attributes} {window} {:?}", w.events)
            }
            Statement::Trigger(t) => match &t.at {
                TriggerAt::Start => format!("trigger {} start", t.name.text),
                TriggerAt::Every(us) => format!("trigger {} every {us}us", t.name.text),
                TriggerAt::Cron(cron) => format!("trigger {} cron {}", t.name.text, cron.text),
            },
            Statement::Partition(p) => {
                let keys = p.keys.iter().map(|key| match &key.by {
                    PartitionBy::Value(expr) => format!("{} of {}", show(expr), key.stream.text),
                    PartitionBy::Ranges(ranges) => {
                        let ranges = ranges.iter();
                        let ranges =
                            ranges.map(|(c, name)| format!("{} as {}", show(c), name.text));
                        let ranges = ranges.collect::<Vec<_>>().join(",");
                        format!("{ranges} of {}", key.stream.text)
                    }
                });
                let keys = keys.collect::<Vec<_>>().join(",");
                let queries: Vec<String> = p.queries.iter().map(show_query).collect();
                let options = show_options(&p.options);
                format!("partition ({keys}){options} [{}]", queries.join("; "))
            }
            Statement::Aggregation(q) => {
                let def = q.aggregation.as_ref().expect("what it says");
                let words: Vec<_> = def.every.iter().map(|g| g.word()).collect();
                let by = def
                    .by
                    .as_ref()
                    .map_or(String::new(), |by| format!(" by {}", show(by)));
                let options = show_options(&def.options);
                format!(
                    "aggregation {}{by} every {}{options}",
                    show_query(q),
                    words.join(",")
                )
            }
        });
    }
    parts.join("; ")
}

pub(super) fn read(text: &str) -> App {
    let (app, faults) = parse(text);
    assert!(faults.is_empty(), "{text}\n{faults:#?}");
    app
}

/// Statements and what they are read as.
#[rustfmt::skip]
const GOOD: &[(&str, &str)] = &[
    ("", ""),
    (" ;; -- nothing\n/* at ' all */ ;", ""),
    ("\u{feff}@app:playback", "playback 0 None"),
    ("@app:name('X') @App:Playback() CREATE STREAM S (a INT)", "app X; playback 0 None; stream S(a INT)"),
    ("@app:playback(lateness='5 SECONDS',\n idle.timeout = '1.5 minute') @app:name(\"Y\")", "app Y; playback 5000000 Some(90000000)"),
    ("@app:playback(ahead.max='1 HOUR')", "playback 0 None; ahead 3600000000"),
    ("CREATE AGGREGATION A WITH ('timezone'='UTC') AS SELECT k, sum(v) AS t FROM S[v > 0] WHERE v < 9 GROUP BY k AGGREGATE BY ts EVERY minutes...MONTH",
     "aggregation Current->A k, sum(v) as t from S [(> v 0)] where (< v 9) group k by ts every MINUTES,HOURS,DAYS,MONTHS timezone=UTC"),
    ("CREATE AGGREGATION A AS SELECT count() FROM S AGGREGATE EVERY WEEKS, SEC, YEARS",
     "aggregation Current->A count() from S every SECONDS,WEEKS,YEARS"),
    ("INSERT INTO O SELECT a FROM S JOIN A PER 'DAYS' ON a = b; INSERT INTO O SELECT a FROM S JOIN A ON a = b WITHIN '1', 2 PER days",
     "Current->O a from S Inner A per DAYS on (= a b); Current->O a from S Inner A within '1' within 2 per DAYS on (= a b)"),
    ("@app:processing", "processing Wait"),
    ("@App:Processing( clock.back = 'Wait')", "processing Wait"),
    ("@app:processing(clock.back='follow')", "processing Follow"),
    ("CREATE STREAM S (a STRING, b varchar, c TEXT, d CHAR, e INT, f INTEGER, g LONG, h BIGINT, i TIMESTAMP)", "stream S(a STRING, b STRING, c STRING, d STRING, e INT, f INT, g LONG, h LONG, i LONG)"),
    ("CREATE STREAM S (a FLOAT, b REAL, c DOUBLE, d DECIMAL, e NUMERIC, f BOOL, g BOOLEAN)", "stream S(a FLOAT, b FLOAT, c DOUBLE, d DOUBLE, e DOUBLE, f BOOL, g BOOL)"),
    ("CREATE STREAM S (timestamp LONG, value INT, key STRING, count INT, date STRING, time LONG, user STRING, \"a b\" INT, order INT)", "stream S(timestamp LONG, value INT, key STRING, count INT, date STRING, time LONG, user STRING, a b INT, order INT)"),
    ("CREATE STREAM S (a INT) WITH ('type'='source', 'x' = 'it''s; fine', on.error='log')", "stream S(a INT) type=source x=it's; fine on.error=log"),
    ("INSERT INTO O SELECT * FROM S", "Current->O * from S"),
    ("insert all events into O select a as b from S;", "All->O a as b from S"),
    ("INSERT EXPIRED INTO O SELECT a FROM S", "Expired->O a from S"),
    ("INSERT CURRENT EVENTS INTO O SELECT a FROM S", "Current->O a from S"),
    ("INSERT EVENTS INTO O SELECT a FROM S", "Current->O a from S"),
    ("SELECT a FROM S[150 > v] INSERT ALL EVENTS INTO O;", "All->O a from S [(> 150 v)]"),
    (
        "@info(name='q1') INSERT INTO O SELECT DISTINCT s.a, *, count(*) AS n FROM S[a > 1][b] AS s WINDOW('lengthBatch', 4, stream_current) \
         WHERE a IS NOT NULL GROUP BY a, b % 2 HAVING n > 1 ORDER BY n DESC, a ASC, b LIMIT 3 OFFSET 2",
        "@q1 Current->O distinct s.a, *, count() as n from S as s [(> a 1)] [b] window lengthBatch(4, stream_current) \
         where (not-null a) group a, (% b 2) having (> n 1) order n desc order a order b limit 3 offset 2",
    ),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY 5 EVENTS", "Current->O a from S output All Events(5)"),
    ("SELECT a FROM S LIMIT 1 OUTPUT FIRST EVERY 1 EVENT INSERT INTO O", "Current->O a from S limit 1 output First Events(1)"),
    ("INSERT INTO O SELECT a FROM S GROUP BY a OUTPUT last every 1.5 SECONDS", "Current->O a from S group a output Last Time(1500000)"),
    ("INSERT INTO O SELECT a FROM S OUTPUT SNAPSHOT EVERY 1 MINUTE", "Current->O a from S output Snapshot Time(60000000)"),
    ("SELECT a FROM S OFFSET 2 LIMIT 1 INSERT INTO O", "Current->O a from S limit 1 offset 2"),
    (
        "INSERT INTO O SELECT sum(a + 1) OVER (PARTITION BY b, c % 2 ORDER BY eventTimestamp() ASC ROWS BETWEEN 20 PRECEDING AND CURRENT ROW) * 2 AS s, \
         lag(a) over (), count(*) OVER (RANGE 1.5 SECONDS PRECEDING), count() OVER (ROWS CURRENT ROW) AS m FROM S",
        "Current->O (* (over sum((+ a 1)) by [b, (% c 2)] order eventTimestamp() Rows(20)) 2) as s, (over lag(a) by []), \
         (over count() by [] Time(1500000)), (over count() by [] Rows(0)) as m from S",
    ),
    ("INSERT INTO O SELECT a FROM S WINDOW(length, 5) AS x", "Current->O a from S as x window length(5)"),
    ("INSERT INTO O SELECT a FROM S WINDOW(\"batch\")", "Current->O a from S window batch()"),
    ("INSERT INTO O SELECT a FROM S WINDOW('w', 1 SECONDS, 1.5 second, 0.000001 Seconds, 2 weeks, 7 DAY, TRUE, 'asc', 1+1, -3)", "Current->O a from S window w(1000000us, 1500000us, 1us, 1209600000000us, 604800000000us, true, 'asc', (+ 1 1), -3)"),
    ("INSERT INTO Output SELECT left, output, window FROM Pattern", "Current->Output left, output, window from Pattern"),
    ("SELECT a FROM S INSERT INTO A; SELECT b FROM T INSERT INTO B;;", "Current->A a from S; Current->B b from T"),
];

/// Expressions and what they are read as.
#[rustfmt::skip]
const EXPRESSIONS: &[(&str, &str)] = &[
    ("1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)"),
    ("(1 + 2) * 3 % 4 / 5", "(/ (% (* (+ 1 2) 3) 4) 5)"),
    ("a OR b AND NOT c = d", "(or a (and b (not (= c d))))"),
    ("NOT NOT a", "(not (not a))"),
    ("a == 1 and b != 2 or c <> 3", "(or (and (= a 1) (<> b 2)) (<> c 3))"),
    ("a <= 1 AND b >= -1 AND c<-2", "(and (and (<= a 1) (>= b -1)) (< c -2))"),
    ("a = b IS NULL", "(null (= a b))"),
    ("x NOT IN (1, 'a', NULL) AND y IN (z + 1)", "(and (not-in x [1, 'a', NULL]) (in y [(+ z 1)]))"),
    ("x BETWEEN 1 AND 2 + 3 AND y NOT BETWEEN a AND b", "(and (between x 1 (+ 2 3)) (not-between y a b))"),
    ("s LIKE 'a%' OR s NOT LIKE t", "(or (like s 'a%') (not-like s t))"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9223372036854775807", "9223372036854775807"),
    ("- 5 + +3 - -a", "(- (+ -5 3) (- a))"),
    ("- -5", "(- -5)"),
    ("2.5, .5, 1., 1e3, 1.5E-2, -0.0, -0", "2.5, 0.5, 1.0, 1000.0, 0.015, 0.0, 0"),
    ("'it''s', '', 'é😀'", "'it's', '', 'é😀'"),
    ("\"a b\", \"q\"\"q\", S.\"c\", \"S\".d", "\"a b\", \"q\"q\", S.c, S.d"),
    ("timestamp, value, key, count, date, time, user, ts, first, last, year", "timestamp, value, key, count, date, time, user, ts, first, last, year"),
    ("S.order, S.from, interval, case_1, Ünïcode, _x", "S.order, S.from, interval, case_1, Ünïcode, _x"),
    ("count(*), count(), count(DISTINCT x), COUNT( * )", "count(), count(), count(distinct x), COUNT()"),
    ("and(f), or(f), default(a, 0), left(s, 1), right(s, 1), replace(a, b, c)", "and(f), or(f), default(a, 0), left(s, 1), right(s, 1), replace(a, b, c)"),
    ("log(2, x), mod(a, b), first(a), last(b), convert(a, 'int'), cast(a, 'varchar(2)'), year(t), if(a, b, c)", "log(2, x), mod(a, b), first(a), last(b), (cast a INT), (cast a STRING Length(2)), year(t), if(a, b, c)"),
    ("eventTimestamp(last) - eventTimestamp(first) <= 2", "(<= (- eventTimestamp(last) eventTimestamp(first)) 2)"),
    ("and(a) AND or(b) OR NOT and(c)", "(or (and and(a) or(b)) (not and(c)))"),
    ("CASE WHEN a > 1 THEN 'x' WHEN b THEN 'y' ELSE 'z' END", "(case (> a 1):'x' b:'y' else 'z')"),
    ("case a when 1 then 2 end + 1", "(+ (case a 1:2) 1)"),
    ("CAST(a + 1 AS VARCHAR(3)), cast(b AS long)", "(cast (+ a 1) STRING Length(3)), (cast b LONG)"),
    ("EXTRACT(YEAR FROM ts), extract('day', ts), extract(unit, ts)", "EXTRACT('year', ts), extract('day', ts), extract(unit, ts)"),
    ("SUBSTRING(s FROM 2 FOR 3), substring(s FROM 2), substring(s, 1, 2), substr(s, 1)", "SUBSTRING(s, 2, 3), substring(s, 2), substring(s, 1, 2), substr(s, 1)"),
    ("POSITION('a' IN s), position('a', s)", "POSITION('a', s), position('a', s)"),
    ("trim(s), TRIM(both), FLOOR(x), CEIL(x)", "trim(s), TRIM(both), FLOOR(x), CEIL(x)"),
    ("CURRENT_TIMESTAMP, current_timestamp + 5 minutes", "currentTimeMillis(), (+ currentTimeMillis() 300000000us)"),
    ("f(ms AT TIME ZONE 'UTC', p), a * - b at time zone z, EXTRACT(DAY FROM t AT TIME ZONE z), at + 1", "f((at ms 'UTC'), p), (* a (at (- b) z)), EXTRACT('day', (at t z)), (+ at 1)"),
    ("CAST(a AS TIMESTAMP), cast(a, 'timestamp')", "(cast a instant), (cast a instant)"),
    ("a -- c ; '\n + /* ; \" */ b", "(+ a b)"),
    ("TRUE = false OR null IS NULL", "(or (= true false) (null NULL))"),
];

/// Texts and what they are read as.
pub(super) fn check_good(table: &[(&str, &str)]) {
    for (text, tree) in table {
        assert_eq!(show_app(&read(text)), *tree, "{text}");
    }
}

#[test]
fn good_statements_are_read() {
    check_good(GOOD);
    check_good(clause_tests::GOOD);
}

#[test]
fn good_expressions_are_read() {
    for (text, tree) in EXPRESSIONS {
        let app = read(&format!("INSERT INTO O SELECT {text} FROM S"));
        let wanted = format!("Current->O {tree} from S");
        assert_eq!(show_app(&app), wanted, "{text}");
    }
}

/// Wrong texts: the place between « and », a part of the message, a part of the remedy (empty: any).
#[rustfmt::skip]
const BAD: &[(&str, &str, &str)] = &[
    ("«SELECT» a FROM S", "no INSERT", "INSERT INTO Out"),
    ("«foo» bar", "expected CREATE STREAM, INSERT INTO, SELECT, UPDATE, DELETE FROM or UPSERT INTO, found 'foo'", ""),
    ("«INSRT» INTO O SELECT a FROM S", "found 'INSRT'", "did you mean 'INSERT'?"),
    ("«FROM» S SELECT a INSERT INTO O", "begin with FROM", "INSERT INTO"),
    ("«define stream» S (a int)", "written with CREATE", "CREATE STREAM"),
    ("INSERT INTO O SELECT a FROM A PER «'decade'»", "is no granularity", ""),
    ("«WITH» x AS (SELECT 1) SELECT a FROM x", "WITH … AS (…) before a query", ""),
    ("INSERT INTO O «VALUES» (1)", "VALUES is not supported", ""),
    ("INSERT INTO O «(»a) SELECT a FROM S", "list of columns", ""),
    ("INSERT «OVERWRITE» O SELECT a FROM S", "expected INTO, or ALL", ""),
    ("INSERT INTO «#»O SELECT a FROM S", "inner streams", ""),
    ("INSERT INTO O SELECT a FROM «!»S", "fault streams", ""),
    ("INSERT INTO O SELECT a FROM «#»S", "inner streams", ""),
    ("INSERT INTO O SELECT a FROM S«#»window.length(5)", "not written with '#'", "WINDOW('length', 5)"),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY «0» EVENTS", "at least one row", "remove OUTPUT"),
    ("INSERT INTO O SELECT a FROM S OUTPUT «EVERY 0 SECONDS»", "a time longer than nothing", "remove OUTPUT"),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY «5»", "neither rows nor a time", "write 5 EVENTS or 5 SECONDS"),
    ("INSERT INTO O SELECT a FROM S OUTPUT SNAPSHOT «EVERY 5 EVENTS»", "a snapshot is taken by time", "OUTPUT SNAPSHOT EVERY 5 SECONDS"),
    ("INSERT INTO O SELECT a FROM S OUTPUT FIRST «5» EVENTS", "expected EVERY", "write OUTPUT EVERY 5 EVENTS"),
    ("INSERT INTO O SELECT a FROM S OUTPUT «SOME» EVERY 5 EVENTS", "expected ALL, FIRST, LAST, SNAPSHOT or EVERY", ""),
    ("INSERT INTO O SELECT a FROM S «OUTPUT ALL EVENTS»", "which rows go out is said by INSERT", "write INSERT ALL EVENTS INTO"),
    ("INSERT INTO O SELECT a FROM S «OUTPUT EXPIRED» EVENTS", "which rows go out is said by INSERT", "write INSERT EXPIRED EVENTS INTO"),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY 5 EVENTS «WHERE» a > 1", "WHERE stands before OUTPUT", "move it in front of OUTPUT"),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY 5 EVENTS «OUTPUT» EVERY 5 EVENTS", "a second OUTPUT clause", ""),
    ("SELECT a FROM S INSERT INTO O «OUTPUT» EVERY 5 EVENTS", "OUTPUT stands before INSERT INTO", "move it behind the clauses of SELECT"),
    ("INSERT INTO O SELECT a FROM S «UNION» ALL SELECT b FROM T", "UNION", ""),
    ("INSERT INTO O SELECT a FROM «(»SELECT b FROM T)", "subqueries are left out by design", ""),
    ("INSERT INTO O SELECT a FROM S WHERE a IN («SELECT» b FROM T)", "subqueries are left out by design", ""),
    ("INSERT INTO O SELECT («SELECT» 1) FROM S", "subqueries are left out by design", ""),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «INTERVAL '5'» SECOND)", "INTERVAL literals are not supported", "write 5 SECONDS"),
    ("INSERT INTO O SELECT «S.*» FROM S", "a star has no qualifier", ""),
    ("INSERT INTO O SELECT a FROM S ORDER BY a «NULLS» LAST", "NULLS", ""),
    ("INSERT INTO O SELECT «FROM» S", "expected an expression, found 'FROM'", ""),
    ("INSERT INTO O SELECT a, «FROM» S", "expected an expression, found 'FROM'", "remove the comma"),
    ("INSERT INTO O SELECT a «FORM» S", "expected ',', AS or FROM, found 'FORM'", "did you mean 'FROM'?"),
    ("INSERT INTO O SELECT price «p» FROM S", "found 'p'", "write AS p"),
    ("INSERT INTO O SELECT a AS «from» FROM S", "expected an alias", "double quotes"),
    ("INSERT INTO O SELECT a FROM S «s» WHERE s.a > 1", "found 's'", "write AS s"),
    ("INSERT INTO O SELECT a FROM S «WHRE» a > 1", "found 'WHRE'", "did you mean 'WHERE'?"),
    ("INSERT INTO O SELECT a FROM S WINDOW('length', 1)«[»a > 1]", "stands before the window", "WHERE"),
    ("INSERT INTO O SELECT a FROM S WINDOW('length', 1) «WINDOW»('length', 2)", "two windows", ""),
    ("INSERT INTO O SELECT a FROM S WHERE a «WINDOW»('length', 2)", "WINDOW stands behind the stream", ""),
    ("INSERT INTO O SELECT a FROM S WINDOW(«5»)", "expected the name of a window", ""),
    ("INSERT INTO O SELECT a FROM S WINDOW(length«(»5))", "found '('", "WINDOW('length', …)"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', 5 «SECS»)", "unknown unit of time 'SECS'", "write SECONDS"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', 5 «SECODNS»)", "unknown unit of time", "did you mean 'SECONDS'?"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', 1 «MONTH»)", "unknown unit of time", "no fixed length"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «1.0000001 SECONDS»)", "finer than a microsecond", ""),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «99999999999999 WEEKS»)", "too long", ""),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «1e3 SECONDS»)", "not a duration", ""),
    ("INSERT INTO O SELECT a FROM S HAVING a «WHERE» b", "WHERE stands before HAVING", ""),
    ("INSERT INTO O SELECT a FROM S WHERE a «WHERE» b", "a second WHERE", ""),
    ("INSERT INTO O SELECT a FROM S LIMIT 1 OFFSET 2 «LIMIT» 3", "a second LIMIT", ""),
    ("INSERT INTO O SELECT a FROM S LIMIT «-»1", "a number of rows, a whole number", ""),
    ("INSERT INTO O SELECT a FROM S LIMIT «1.5»", "a whole number", ""),
    ("INSERT INTO O SELECT a FROM S LIMIT «99999999999999999999»", "too large", ""),
    ("INSERT INTO O SELECT a FROM S GROUP «a»", "expected BY, found 'a'", ""),
    ("INSERT INTO O SELECT a FROM S WHERE a > 1 «b»", "expected GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET or ';', found 'b'", ""),
    ("SELECT a FROM S INSERT INTO O «WHERE» a", "expected ';', found 'WHERE'", ""),
    ("INSERT INTO O SELECT «9223372036854775808» FROM S", "does not fit into a LONG", "range"),
    ("INSERT INTO O SELECT «-9223372036854775809» FROM S", "does not fit into a LONG", ""),
    ("INSERT INTO O SELECT «1e999» FROM S", "does not fit into a DOUBLE", ""),
    ("INSERT INTO O SELECT «5L» FROM S", "no suffix L", "write 5"),
    ("INSERT INTO O SELECT «0x1F» FROM S", "found '0x1F'", ""),
    ("INSERT INTO O SELECT «N'x'» FROM S", "found 'N'x''", ""),
    ("INSERT INTO O SELECT a«::»INT FROM S", "'::' is not an operator", "CAST"),
    ("INSERT INTO O SELECT a FROM S[a «&&» b]", "'&&' is not an operator", "AND"),
    ("INSERT INTO O SELECT a FROM S[«!»a]", "expected an expression, found '!'", "NOT"),
    ("INSERT INTO O SELECT str«:»concat(a, b) FROM S", "':' is not an operator", "namespace"),
    ("INSERT INTO O SELECT a < b «<» c FROM S", "cannot be chained", "AND"),
    ("INSERT INTO O SELECT a IS «TRUE» FROM S", "expected NULL, found 'TRUE'", "= TRUE"),
    ("INSERT INTO O SELECT a IN «()» FROM S", "at least one value", ""),
    ("INSERT INTO O SELECT a BETWEEN 1 «,» 2 FROM S", "expected AND, found ','", ""),
    ("INSERT INTO O SELECT a LIKE 'x' «ESCAPE» '!' FROM S", "ESCAPE", ""),
    ("INSERT INTO O SELECT CASE a «END» FROM S", "expected WHEN, found 'END'", ""),
    ("INSERT INTO O SELECT CASE WHEN a THEN b «FROM» S", "expected WHEN, ELSE or END", ""),
    ("INSERT INTO O SELECT CAST(a AS «JSONB») FROM S", "unknown type 'JSONB'", ""),
    ("INSERT INTO O SELECT convert(a, «'duoble'») FROM S", "unknown type 'duoble'", "did you mean 'DOUBLE'?"),
    ("INSERT INTO O SELECT sum(«*») FROM S", "count(*) alone", ""),
    ("INSERT INTO O SELECT f(a «FROM» S", "expected ',' or ')', found 'FROM'", ""),
    ("INSERT INTO O SELECT (a«,» b) FROM S", "expected ')', found ','", "IN"),
    ("INSERT INTO O SELECT «TIMESTAMP '2020-01-01'» FROM S", "TIMESTAMP literals", "parseDate"),
    ("INSERT INTO O SELECT a «'b'» FROM S", "a string cannot follow 'a'", ""),
    ("INSERT INTO O SELECT trim(«LEADING» 'x' FROM s) FROM S", "TRIM", "ltrim"),
    ("INSERT INTO O SELECT a.b«.»c FROM S", "at most one dot", ""),
    ("INSERT INTO O SELECT a.«5» FROM S", "", ""),
    ("INSERT INTO O SELECT a FROM S[a > «]»", "expected an expression, found ']'", ""),
    ("INSERT INTO O SELECT a FROM S[a > 1 «;»", "expected ']', found ';'", ""),
    ("INSERT INTO O SELECT «`»a` FROM S", "found '`'", "double quotes"),
    ("INSERT INTO O SELECT a + «?» FROM S", "found '?'", ""),
    ("INSERT INTO O SELECT a FROM S WHERE a = «'x; more\n -- text»", "the string is not closed", "''"),
    ("INSERT INTO Ö SELECT 'é😀' «§» FROM S", "found '§'", ""),
    ("«@app:playbak»", "unknown annotation", "did you mean 'app:playback'?"),
    ("@app:name(«X»)", "in quotes, found 'X'", "'X'"),
    ("@app:name(«''»)", "is empty", ""),
    ("@app:playback(«late»='5 SECONDS')", "unknown option 'late'", "known: lateness"),
    ("@app:playback(«lateness»", "", ""),
    ("@app:playback(ahead.max=«'0 HOURS'»)", "no row behind the first", "'1 HOUR'"),
    ("@app:playback(ahead.max=«'far'»)", "not a duration", ""),
    ("@app:playback(«ahead.min»='1 HOUR')", "unknown option 'ahead.min'", "ahead.max"),
    ("@app:processing(«clock.bak»='wait')", "unknown option 'clock.bak'", "did you mean 'clock.back'?"),
    ("@app:processing(clock.back=«'back'»)", "no rule for a clock that goes back", "'wait' or 'follow'"),
    ("@app:processing(clock.back='wait'«,» clock.back='wait')", "", "')'"),
    ("@app:processing «@app:processing»", "given twice", "remove one"),
    ("@app:playback «@app:processing»", "two times", "remove @app:playback or"),
    ("@app:processing «@app:playback»", "two times", "remove @app:playback or"),
    ("@app:playback(lateness=«'5 parsecs'»)", "not a duration", "'5 SECONDS'"),
    ("@app:playback(lateness=«'soon'»)", "not a duration", ""),
    ("@info(«nam»='q')", "unknown option 'nam'", "did you mean 'name'"),
    ("@info(name=«'q'») CREATE STREAM S (a INT)", "names a query", ""),
    ("@info(name=«'q'»)", "no query follows", ""),
    ("@info(name='q') @info(«name»='r') INSERT INTO O SELECT a FROM S", "two names", "remove one"),
    ("«@» 5", "", ""),
];

/// Wrong texts, as in [`BAD`].
pub(super) fn check_bad(table: &[(&str, &str, &str)]) {
    for (marked, message, remedy) in table {
        let start = marked.find('«').expect("« marks the start");
        let text = marked.replace(['«', '»'], "");
        let end = marked.find('»').expect("» marks the end") - '«'.len_utf8();
        let (_, faults) = parse(&text);
        let [fault] = faults.as_slice() else {
            panic!("one fault expected: {marked}\n{faults:#?}");
        };
        if message.is_empty() {
            continue;
        }
        let found = fault.span.range();
        assert_eq!(found, start..end, "{marked}\n{fault:?}");
        assert!(fault.message.contains(message), "{marked}\n{fault:?}");
        let help = fault.remedy.as_deref().unwrap_or("");
        assert!(help.contains(remedy), "{marked}\n{fault:?}");
    }
}

#[test]
fn wrong_statements_name_place_and_remedy() {
    check_bad(BAD);
    check_bad(clause_tests::BAD);
}

#[test]
fn every_wrong_statement_is_reported_and_the_others_are_read() {
    let text = "@app:nam('x') CREATE STREAM S (a INTT);\n\
                CREATE STREAM T (b INT;\n\
                INSERT INTO O SELECT ';', FROM S;\n\
                PARTITION WITH (a OF S) BEGIN INSERT INTO O SELECT a FROM; END;\n\
                CREATE STREAM U (c INT)\n\
                CREATE STREAM V (d INT);\n\
                INSERT INTO O SELECT d FROM V;";
    let (app, faults) = parse(text);
    assert_eq!(show_app(&app), "stream V(d INT); Current->O d from V");
    let starts: Vec<_> = faults
        .iter()
        .map(|f| text[..f.span.start as usize].matches('\n').count() + 1)
        .collect();
    assert_eq!(starts, [1, 1, 2, 3, 4, 6]);
}

#[test]
fn places_are_bytes_of_the_text() {
    let text = "-- é\nINSERT INTO Öl SELECT (ä + 'é😀') * 2 AS \"x y\" FROM S WINDOW('length', 5);";
    let app = read(text);
    let Statement::Query(q) = &app.statements[0] else {
        panic!("a query")
    };
    assert_eq!(&text[q.span.range()], text[6..].trim_end_matches(';'));
    assert_eq!(&text[q.target.span.range()], "Öl");
    let SelectItem::Expr {
        expr,
        alias: Some(alias),
    } = &q.select[0]
    else {
        panic!("an expression with an alias")
    };
    assert_eq!(&text[expr.span.range()], "(ä + 'é😀') * 2");
    assert_eq!(&text[alias.span.range()], "\"x y\"");
    let ExprKind::Binary(_, left, _) = &expr.kind else {
        panic!("a product")
    };
    assert_eq!(&text[left.span.range()], "(ä + 'é😀')");
    let window = q.sources[0].window.as_ref().expect("a window");
    assert_eq!(&text[window.span.range()], "WINDOW('length', 5)");
}

#[test]
fn size_and_nesting_are_bounded() {
    let select = |e: String| format!("INSERT INTO O SELECT {e} FROM S");
    let refused = |text: String, message: &str| {
        let (_, faults) = parse(&text);
        let start: String = text.chars().take(60).collect();
        assert!(
            faults.iter().any(|f| f.message.contains(message)),
            "{start}: {faults:?}"
        );
    };
    let fits = NESTING_LEVELS_MAX - 1;
    read(&select("(".repeat(fits) + "1" + &")".repeat(fits)));
    read(&select(
        "f(-".repeat(fits / 2) + "1" + &")".repeat(fits / 2),
    ));
    read(&select(
        "CASE WHEN a THEN ".repeat(fits) + "1" + &" END".repeat(fits),
    ));
    let chain = EXPRESSION_HEIGHT_MAX - 1;
    read(&select("1".to_string() + &"+1".repeat(chain)));
    read(&select(format!("a IN (1{})", ",1".repeat(4_000))));

    for open in [
        "(", "NOT ", "- ", "+ ", "f(", "CASE ", "1+(", "a IN (", "CAST(", "1 < NOT ", "[", "trim(",
    ] {
        let (_, faults) = parse(&select(open.repeat(30_000)));
        assert_eq!(faults.len(), 1, "{open}");
        if open != "[" {
            assert!(
                faults[0].message.contains("nests deeper"),
                "{open}: {faults:?}"
            );
        }
    }
    for link in [
        "+1",
        " OR a",
        " AND NOT a",
        " IS NULL",
        " IN (1)",
        " LIKE a",
        " BETWEEN 1 AND 2",
        " NOT IN T",
    ] {
        refused(
            select("1".to_string() + &link.repeat(20_000)),
            "chains more than",
        );
    }
    refused(select(format!("f(1{})", ",1".repeat(20_000))), "parts");
    let joined = |n: usize| format!("INSERT INTO O SELECT a FROM S{}", " CROSS JOIN T".repeat(n));
    read(&joined(JOINS_MAX));
    refused(joined(JOINS_MAX + 1), "JOINS_MAX");
    refused(joined(20_000), "JOINS_MAX");
    refused("a ".repeat(TOKENS_MAX + 1), "words and signs");
    refused(" ".repeat(TEXT_BYTES_MAX + 1), "bytes");
    let (_, faults) = parse(&"x;".repeat(10_000));
    assert_eq!(faults.len(), FAULTS_MAX + 1);
    let long = "w".repeat(TEXT_BYTES_MAX - 1);
    assert_eq!(parse(&long).1.len(), 1);
}

/// Changes a text at a few places: pieces dropped, doubled, swapped in from others, or strange signs put in.
fn mutate(text: &str, others: &[String], random: &mut Random) -> String {
    const STRANGE: &[&str] = &[
        "'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        ";",
        "/*",
        "*/",
        "--",
        "\n",
        "é",
        "😀",
        "\0",
        "@",
        ":",
        "#",
        "!",
        ".",
        "._",
        "$a$",
        "-",
        "1e",
        "0x",
        "999999999999999999999",
        "N'",
        "x'",
        "SELECT",
        "NOT",
        "CASE",
        "END",
        "IN",
        "SECONDS",
        "->",
        "{",
        "}",
        "EVERY ",
        "\u{feff}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let from = random.below(chars.len() + 1);
        let to = (from + random.below(12)).min(chars.len());
        let piece: Vec<char> = match random.below(4) {
            0 => Vec::new(),
            1 => chars[from..to].repeat(2),
            2 => {
                let other: Vec<char> = others[random.below(others.len())].chars().collect();
                let start = random.below(other.len() + 1);
                let end = (start + random.below(30)).min(other.len());
                other[start..end].to_vec()
            }
            _ => STRANGE[random.below(STRANGE.len())].chars().collect(),
        };
        chars.splice(from..to, piece);
    }
    chars.into_iter().collect()
}

#[test]
fn no_mutation_panics_and_places_lie_in_the_text() {
    let good = [
        GOOD,
        join_tests::GOOD,
        pattern_tests::GOOD,
        table_tests::GOOD,
        clause_tests::GOOD,
    ]
    .concat();
    let others = [join_tests::BAD, pattern_tests::BAD, table_tests::BAD].concat();
    let bad = [BAD, clause_tests::BAD, &others].concat();
    let mut texts: Vec<String> = good.iter().map(|(t, _)| t.to_string()).collect();
    texts.extend(
        EXPRESSIONS
            .iter()
            .map(|(e, _)| format!("SELECT {e} FROM S INSERT INTO O;")),
    );
    texts.extend(bad.iter().map(|(t, _, _)| t.replace(['«', '»'], "")));
    let mut random = Random::new(0x5EED_0001);
    for _ in 0..20_000 {
        let text = mutate(&texts[random.below(texts.len())], &texts, &mut random);
        let (_, faults) = parse(&text);
        for fault in faults {
            let range = fault.span.range();
            assert!(text.get(range).is_some(), "{text:?}\n{fault:?}");
        }
    }
}

/// Every app of the conformance cases is read.
#[test]
fn conformance_apps_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("no conformance cases beside the project: nothing checked");
        return;
    };
    for file in files {
        let path = file.expect("a folder entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for app in text.split("\"app\": \"").skip(1) {
            let app = app.split('"').next().unwrap_or("").replace("\\n", "\n");
            let faults = parse(&app).1;
            assert!(faults.is_empty(), "{path:?}\n{app}\n{faults:?}");
        }
    }
}
