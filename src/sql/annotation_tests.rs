//! What apps of Siddhi and EventFlux carry: each piece gives one fault, with its place and what to write instead.

use super::parse;
use super::tests::check_bad;

/// The text with the place marked, what the message says, and what the remedy says.
#[rustfmt::skip]
const ANNOTATIONS: &[(&str, &str, &str)] = &[
    ("«@app»(name='x') CREATE STREAM S (a INT)", "no annotation @app", "write @app:name('x')"),
    ("«@app:statistics»('true')", "no annotation @app:statistics", "runtime.metrics()"),
    ("«@app:statistics»(reporter='console', interval='5') CREATE STREAM S (a INT)", "@app:statistics", "--metrics FILE"),
    ("«@App:Async»(buffer.size='64') CREATE STREAM S (a INT)", "no annotation @App:Async", "RuntimeConfig::workers(…)"),
    ("«@app:enforceOrder» CREATE STREAM S (a INT)", "@app:enforceOrder", "rows keep their order per key"),
    ("«@app:trigger»(at='start') CREATE STREAM S (a INT)", "@app:trigger", "CREATE TRIGGER t AT EVERY"),
    ("«@app:version»('2') CREATE STREAM S (a INT)", "@app:version", "--evolve"),
    ("«@version»('2') CREATE STREAM S (a INT)", "@version", "--evolve"),
    ("«@app:qlVersion»('5') CREATE STREAM S (a INT)", "@app:qlVersion", "one version"),
    ("«@app:transportChannelCreationEnabled»('false') CREATE STREAM S (a INT)", "transportChannel", "remove it"),
    ("«@Plan:name»('trades') CREATE STREAM S (a INT)", "no annotation @Plan:name", "write @app:name('trades')"),
    ("«@Plan:description»('it''s') CREATE STREAM S (a INT)", "@Plan:description", "write @app:description('it''s')"),
    ("«@plan:playback» CREATE STREAM S (a INT)", "@plan:playback", "write @app:playback"),
    ("«@plan:async»(bufferSize='2') CREATE STREAM S (a INT)", "@plan:async", "--workers N"),
    ("«@plan:statistics»('true') CREATE STREAM S (a INT)", "@plan:statistics", "--metrics FILE"),
    ("«@plan:trace»('true') CREATE STREAM S (a INT)", "@plan:trace", "--trace-pattern NAME"),
    ("«@plan:enforceOrder» CREATE STREAM S (a INT)", "@plan:enforceOrder", "order per key"),
    ("«@Import»('trades:1.0.0') CREATE STREAM S (a INT)", "@Import", "sends rows to any stream"),
    ("«@Export»('trades:1.0.0') CREATE STREAM S (a INT)", "@Export", "add_callback"),
    ("«@async»(buffer.size='1024', workers='2', batch.size.max='10') CREATE STREAM S (a INT)", "@async", "lane_batches_max(…)"),
    ("«@Async» CREATE STREAM S (a INT)", "@Async", "RuntimeConfig::workers(…)"),
    ("«@config»(async='true') CREATE STREAM S (a INT)", "@config", "RuntimeConfig"),
    ("«@source»(type='kafka', topic.list='a', @map(type='json', @attributes(a='$.a'))) CREATE STREAM S (a INT)", "@source", "'type'='source', 'extension'='kafka'"),
    ("«@Source»(type='file') CREATE STREAM S (a INT)", "@Source", "behind the attributes of the stream"),
    ("«@sink»(type='log', prefix='x') CREATE STREAM S (a INT)", "@sink", "'type'='sink', 'extension'='log'"),
    ("«@sink»(type='http', @map(type='json', @payload('{\"a\": {{a}}}')), @distribution(strategy='roundRobin', @destination(url='a'), @destination(url='b'))) CREATE STREAM S (a INT)", "@sink", "'extension'='http'"),
    ("«@map»(type='csv') CREATE STREAM S (a INT)", "@map", "write 'format'='csv'"),
    ("«@attributes»(a='$.a') CREATE STREAM S (a INT)", "@attributes", "by their names"),
    ("«@payload»('x') CREATE STREAM S (a INT)", "@payload", "select what is to be written"),
    ("«@distribution»(strategy='partitioned', partitionKey='a') CREATE STREAM S (a INT)", "@distribution", "one stream with a sink per destination"),
    ("«@destination»(url='a') CREATE STREAM S (a INT)", "@destination", "one stream with a sink per destination"),
    ("«@OnError»(action='STREAM') CREATE STREAM S (a INT)", "no annotation @OnError", "'on.error'='log' or 'stop'"),
    ("«@onError»(action='LOG') CREATE STREAM S (a INT)", "@onError", "is NULL, and counted"),
    ("«@Store»(type='rdbms', jdbc.url='x', @Cache(size='10', cache.policy='LRU')) CREATE TABLE T (a INT)", "@Store", "'type'='table', 'file'='…'"),
    ("«@from»(eventtable='rdbms') CREATE TABLE T (a INT)", "@from", "'type'='table'"),
    ("«@PrimaryKey»('sym', 'day') CREATE TABLE T (sym STRING, day INT)", "no annotation @PrimaryKey", "write PRIMARY KEY (sym, day)"),
    ("«@primaryKey»(\"sym\") CREATE TABLE T (sym STRING)", "@primaryKey", "write PRIMARY KEY (sym)"),
    ("«@Index»('a', 'b') CREATE TABLE T (a INT, b INT)", "@Index", "write WITH ('index'='a, b')"),
    ("«@IndexBy»('a') CREATE TABLE T (a INT)", "@IndexBy", "write WITH ('index'='a')"),
    ("«@index» CREATE TABLE T (a INT)", "@index", "write WITH ('index'='a')"),
    ("«@cache»(size='10', retention.period='5 min') CREATE TABLE T (a INT)", "@cache", "WITH ('ttl'='5 MINUTES')"),
    ("«@purge»(enable='true', interval='10 sec', idle.period='15 sec') PARTITION WITH (a OF S) BEGIN INSERT INTO O SELECT a FROM S; END", "@purge", "WITH ('purge.idle'='15 SECONDS') BEGIN"),
    ("«@purge»(enable='true', interval='10 sec', @retentionPeriod(sec='120 sec', min='24 hours')) CREATE AGGREGATION A AS SELECT sum(a) FROM S AGGREGATE EVERY DAYS", "@purge", "WITH ('retention.seconds'='120 SECONDS', …) behind CREATE AGGREGATION"),
    ("«@purge»(enable='false') CREATE AGGREGATION A AS SELECT sum(a) FROM S AGGREGATE EVERY DAYS", "@purge", "behind CREATE AGGREGATION"),
    ("«@retentionPeriod»(sec='1 day') CREATE STREAM S (a INT)", "@retentionPeriod", "'retention.seconds'='1 HOUR'"),
    ("«@persistedAggregation»(enable='true') CREATE STREAM S (a INT)", "@persistedAggregation", "in the checkpoints"),
    ("«@PartitionById» CREATE STREAM S (a INT)", "@PartitionById", "by its groups"),
    ("«@BufferSize»('3') CREATE STREAM S (a INT)", "@BufferSize", "the period of its time"),
    ("«@IgnoreEventsOlderThanBuffer»('true') CREATE STREAM S (a INT)", "@Ignore", "the period of its time"),
    ("«@dist»(parallel='2', execGroup='g') INSERT INTO O SELECT a FROM S", "@dist", "spread over workers by their keys"),
    ("«@distribute»(parallel='2') INSERT INTO O SELECT a FROM S", "@distribute", "spread over workers"),
    ("«@synchronized»('true') INSERT INTO O SELECT a FROM S", "@synchronized", "one after the other"),
    ("«@query»(name='q') INSERT INTO O SELECT a FROM S", "@query", "write @info(name='q')"),
    ("«@script»('js') CREATE STREAM S (a INT)", "@script", "register_function"),
    // what is there, and not quite so
    ("«@Name»('x') CREATE STREAM S (a INT)", "unknown annotation @Name", "write @app:name"),
    ("«@playback» CREATE STREAM S (a INT)", "unknown annotation @playback", "write @app:playback"),
    ("«@plan:info»(name='q') INSERT INTO O SELECT a FROM S", "unknown annotation", "known: @app:name, @app:description"),
    ("«@foo»(a='b', @bar(c='d')) CREATE STREAM S (a INT)", "unknown annotation @foo", "known:"),
    ("@app:description(«x»)", "in quotes, found 'x'", "'x'"),
    ("@app:description(«''»)", "the description of the app is empty", ""),
    ("@app:description('a') «@app:description»('b')", "two descriptions", "remove one"),
    ("CREATE STREAM S (a INT); «@app:description»('a')", "behind a statement", "start of the text"),
    ("CREATE STREAM S (a INT); «@app:name»('a', b='c') CREATE STREAM T (a INT)", "behind a statement", "start of the text"),
    ("@app:playback(«idle.time»='100 millisecond', increment='2 sec') CREATE STREAM S (a INT)", "unknown option 'idle.time'", "advance_clock"),
    ("@app:playback(lateness='1 SECOND', «increment»='2 sec') CREATE STREAM S (a INT)", "unknown option 'increment'", "advance_clock"),
    ("@app:playback(«enable»='true')", "unknown option 'enable'", "remove it"),
    ("@info(name='q', «dialect»='siddhi') INSERT INTO O SELECT a FROM S", "unknown option 'dialect'", "one language"),
    ("@info(«description»='x') INSERT INTO O SELECT a FROM S", "unknown option 'description'", "@app:description"),
    // one fault, whatever stands in it and wherever it stands
    ("«@sink»(type='a;b', @x('insert into'), create='stream') CREATE STREAM S (a INT)", "@sink", "'extension'='a;b'"),
    ("«@sink»(type='log' CREATE STREAM S (a INT)", "@sink", "'extension'='file'"),
    ("«@sink»(", "@sink", ""),
    ("«@async»", "@async", ""),
    ("PARTITION WITH (a OF S) BEGIN «@dist»(parallel='2') @info(name='q') INSERT INTO O SELECT a FROM S; END", "@dist", "spread over workers"),
    ("PARTITION WITH (a OF S) BEGIN «@app:name»('2') INSERT INTO O SELECT a FROM S; END", "behind a statement", "start"),
];

/// As in [`ANNOTATIONS`].
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str, &str)] = &[
    ("«define stream» Trades (sym string, price float)", "written with CREATE", "write CREATE STREAM Trades (attribute TYPE, …)"),
    ("«DEFINE STREAM» S (v INT)", "written with CREATE", "write CREATE STREAM S ("),
    ("«define table» T (sym string)", "written with CREATE", "write CREATE TABLE T (attribute TYPE PRIMARY KEY, …)"),
    ("«define window» W (sym string) length(5) output all events", "written with CREATE", "write CREATE WINDOW W (attribute TYPE, …) WINDOW('length', 5)"),
    ("«define window» W (sym string) timeBatch(1 min)", "written with CREATE", "WINDOW('timeBatch', 1 MINUTES)"),
    ("«define window» W (sym string) batch()", "written with CREATE", "WINDOW('batch')"),
    ("«define window» W (sym string)", "written with CREATE", "WINDOW('length', 5)"),
    ("«define trigger» t at every 5 sec", "written with CREATE", "write CREATE TRIGGER t AT EVERY 5 SECONDS"),
    ("«define trigger» t at 'start'", "written with CREATE", "write CREATE TRIGGER t AT START"),
    ("«define trigger» t at '*/5 * * * * ?'", "written with CREATE", "write CREATE TRIGGER t AT CRON '*/5 * * * * ?'"),
    ("«define aggregation» A from S select sym, sum(v) as t group by sym aggregate by ts every sec ... year", "written with CREATE", "write CREATE AGGREGATION A AS SELECT … FROM S GROUP BY … AGGREGATE EVERY"),
    ("«define function» f[javascript] return string { var a = 'x;y'; if (a) { return a; } return b; }; CREATE STREAM S (a INT)", "CREATE FUNCTION is not supported", "register_function"),
    ("«define» strem S (a int)", "unknown statement 'DEFINE'", "write CREATE STREAM, TABLE, WINDOW, TRIGGER or AGGREGATION"),
    ("«define»", "unknown statement 'DEFINE'", ""),
    ("«from» S select a insert into O", "does not begin with FROM", "write INSERT INTO O SELECT … FROM S"),
    ("«from» S insert into O", "does not begin with FROM", "write INSERT INTO O SELECT * FROM S"),
    ("«from» S select a", "does not begin with FROM", "write INSERT INTO Out SELECT … FROM S"),
    ("«from» S[a > 5]#window.length(5) select a insert into O", "does not begin with FROM", "write INSERT INTO O SELECT … FROM S[…] WINDOW('length', 5)"),
    ("«from» S#window.timeBatch(5 sec, 0) select sum(a) as s group by k having s > 1 insert into O", "does not begin with FROM", "FROM S WINDOW('timeBatch', 5 SECONDS, 0)"),
    ("«from» S#window.unique:length(k, 5) select a insert into O", "does not begin with FROM", "WINDOW('name', …) with one of"),
    ("«from» S#window.time(5 sec) select a insert expired events into O", "does not begin with FROM", "write INSERT EXPIRED EVENTS INTO O SELECT … FROM S WINDOW('time', 5 SECONDS)"),
    ("«from» S select a insert all events into O", "does not begin with FROM", "write INSERT ALL EVENTS INTO O"),
    ("«from» S select a output last every 5 events insert into O", "does not begin with FROM", "write INSERT INTO O SELECT … FROM S OUTPUT …"),
    ("«from» every e1=S -> e2=T[x > e1.x] within 5 sec select e1.x insert into O", "does not begin with FROM", "write INSERT INTO O SELECT … FROM PATTERN (EVERY e1=A -> e2=B[x > e1.x]) WITHIN 5 SECONDS"),
    ("«from» e1=S and e2=T select e1.x insert into O", "does not begin with FROM", "FROM PATTERN ("),
    ("«from» e1=S, e2=T select e1.x insert into O", "does not begin with FROM", "FROM SEQUENCE ("),
    ("«from» S join A on S.x == A.x within '2020-01-01', '2020-01-02' per 'days' select x insert into O", "does not begin with FROM", "JOIN B ON"),
    ("«from» not S for 5 sec and e2=T select e2.x insert into O", "does not begin with FROM", "FROM PATTERN ("),
    ("«from» every e1=S, e2=S[x > e1.x]+ select e1.x insert into O", "does not begin with FROM", "FROM SEQUENCE (EVERY e1=A, e2=B[x > e1.x])"),
    ("«from» S#window.length(5) as a join T as b on a.x == b.x select a.x insert into O", "does not begin with FROM", "JOIN B ON A.x = B.x"),
    ("«from» S select a, b update or insert into T set T.b = b on T.a == a", "does not begin with FROM", "write UPSERT INTO T SELECT … FROM S ON T.key = …"),
    ("«from» S select a, b update T set T.b = b on T.a == a", "does not begin with FROM", "write UPDATE T SET … FROM S WHERE …"),
    ("«from» S delete T on T.a == a", "does not begin with FROM", "write DELETE FROM T USING S WHERE …"),
    ("«from» S select a return", "does not begin with FROM", "write INSERT INTO Out SELECT … FROM S"),
    ("«from» S select a insert into O create stream T (a INT)", "does not begin with FROM", "INTO O SELECT"),
    ("«from»", "does not begin with FROM", "SELECT … FROM S"),
    ("partition with (a of S) begin «from» S select a insert into #I; end", "does not begin with FROM", "write INSERT INTO #I SELECT … FROM S"),
    ("partition with (a of S) begin «from» #I#window.length(2) select a insert into O end", "does not begin with FROM", "FROM #I WINDOW('length', 2)"),
    ("INSERT INTO O SELECT a FROM S«#»window.time(1 min)", "a window is not written with '#'", "write WINDOW('time', 1 MINUTES)"),
    ("INSERT INTO O SELECT a FROM S«#»window.externalTime(ts, 5 sec) GROUP BY a", "a window is not written with '#'", "write WINDOW('externalTime', ts, 5 SECONDS)"),
    ("INSERT INTO O SELECT a FROM S«#»window:length(2)", "a window is not written with '#'", "write WINDOW('length', 2)"),
    ("INSERT INTO O SELECT a FROM S«#»length(2)", "a window is not written with '#'", "write WINDOW('length', 2)"),
    ("«from» S#window:length(2) select a insert into O", "does not begin with FROM", "FROM S WINDOW('length', 2)"),
    ("«from» S#length(2) select a insert into O", "does not begin with FROM", "FROM S WINDOW('length', 2)"),
    ("INSERT INTO O SELECT a FROM S«#»window", "a window is not written with '#'", "write WINDOW('length', 5)"),
    ("INSERT INTO O SELECT a FROM S«#»[a > 5]", "a filter is not written with '#'", "S[price > 10]"),
    ("INSERT INTO O SELECT a FROM S«#log»('x')", "stream functions", "'extension'='log'"),
    ("INSERT INTO O SELECT a FROM S«#str»:tokenize(a, ',')", "stream functions", "compute the columns in SELECT"),
    ("INSERT INTO O SELECT a FROM S«#»", "stream functions", ""),
    ("INSERT INTO O SELECT a FROM S[«T.a == a in T»]", "in parentheses in front of IN", "write (T.a == a) IN T"),
    ("INSERT INTO O SELECT a FROM S[NOT («T.a == S.a IN T»)]", "in parentheses in front of IN", "write (T.a == S.a) IN T"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «1 hour 30 min»)", "a duration has one unit", "write 90 MINUTES"),
    ("INSERT INTO O SELECT a FROM S WINDOW('time', «1 min 30 sec 5 millisec»)", "a duration has one unit", "write 90005 MILLISECONDS"),
    ("CREATE TRIGGER t AT EVERY «1 sec 1.5 min»", "a duration has one unit", "write 91000000 MICROSECONDS"),
    ("INSERT INTO O SELECT a FROM S OUTPUT EVERY 5 «sec»", "unknown unit of time 'sec'", "write SECONDS"),
    ("SELECT 10 AS id, 'a' AS sym «INSERT» INTO T", "expected ',', AS or FROM, found 'INSERT'", "by load_table"),
    ("CREATE TRIGGER t AT EVERY «5000»", "the duration has no unit", "write EVERY 5000 SECONDS, or MILLISECONDS"),
    ("INSERT INTO O SELECT (S.a «CONTAINS» IN T) AS x FROM S", "found 'CONTAINS'", "write (S.x = T.x) IN T"),
    ("SELECT a FROM S «RETURN»", "found 'RETURN'", "write INSERT INTO Out"),
    ("SELECT a FROM S «UPDATE» OR INSERT INTO T ON T.a == a", "UPDATE OR INSERT", "write UPSERT INTO T"),
    ("SELECT a FROM S «DELETE» T ON T.a == a", "behind a SELECT", "write DELETE FROM T USING S WHERE …"),
    ("INSERT INTO O SELECT a FROM «every» e1=S -> e2=S", "stands whole in parentheses", "FROM PATTERN (e1=A -> e2=B)"),
    ("INSERT INTO O SELECT a FROM PATTERN (every e1=S«<»2:5> -> e2=S)", "a count stands in braces", "write {2,5}"),
    ("INSERT INTO O SELECT a FROM S OUTPUT «EXPIRED»", "", ""),
];

#[test]
fn annotations_of_other_dialects_have_an_answer_of_their_own() {
    check_bad(ANNOTATIONS);
}

#[test]
fn statements_of_siddhi_are_answered_with_ours() {
    check_bad(STATEMENTS);
}

#[test]
fn what_stands_behind_a_wrong_annotation_is_read() {
    let text = "@app:name('a') @sink(type='log', @map(type='json')) CREATE STREAM S (a INT);\n\
                PARTITION WITH (a OF S) BEGIN @dist(parallel='2') INSERT INTO O SELEC a FROM S; END;\n\
                @async CREATE STREAM T (b INTT); from S select a insert into O";
    let (app, faults) = parse(text);
    assert_eq!(app.name.map(|n| n.text).as_deref(), Some("a"));
    assert_eq!(app.statements.len(), 1);
    let lines: Vec<_> = faults
        .iter()
        .map(|f| text[..f.span.start as usize].matches('\n').count() + 1)
        .collect();
    assert_eq!(lines, [1, 2, 2, 3, 3, 3], "{faults:#?}");
}
