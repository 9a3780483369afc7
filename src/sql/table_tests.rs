//! Tables and named windows, what changes them and `IN T`: what is read, and what is refused with place and remedy.

use super::ast::*;
use super::parse;
use super::tests::{check_bad, check_good, read, show_app};

/// Texts and what they are read as.
#[rustfmt::skip]
pub(super) const GOOD: &[(&str, &str)] = &[
    ("CREATE TABLE T (a STRING, b INT)", "table T(a STRING, b INT) key "),
    ("CREATE TABLE T (sym STRING PRIMARY KEY, price DOUBLE)", "table T(sym STRING, price DOUBLE) key sym"),
    ("create table T (a STRING, b LONG primary key) WITH ('index'='a', ttl='1 HOUR');", "table T(a STRING, b LONG) key b index=a ttl=1 HOUR"),
    ("CREATE TABLE T (a STRING, b INT, PRIMARY KEY (a, b))", "table T(a STRING, b INT) key a,b"),
    ("CREATE TABLE T (a STRING, PRIMARY KEY (nope), b INT)", "table T(a STRING, b INT) key nope"),
    ("CREATE TABLE \"order\" (primary STRING, \"PRIMARY\" INT, unique INT, check BOOL, index LONG, default INT, foreign INT, constraint INT)", "table order(primary STRING, PRIMARY INT, unique INT, check BOOL, index LONG, default INT, foreign INT, constraint INT) key "),
    ("CREATE WINDOW W (a STRING, b INT) WINDOW('time', 5 SECONDS)", "named W(a STRING, b INT) window time(5000000us) All"),
    ("CREATE WINDOW W (a INT) WINDOW(length, 2) OUTPUT ALL EVENTS;", "named W(a INT) window length(2) All"),
    ("CREATE WINDOW W (a INT) WINDOW('length', 2) OUTPUT EXPIRED EVENTS", "named W(a INT) window length(2) Expired"),
    ("create window W (a INT) window('batch') output current events", "named W(a INT) window batch() Current"),
    ("UPDATE T SET price = U.p FROM U WHERE T.sym = U.sym", "update T set price=U.p on (= T.sym U.sym) from U"),
    ("update T set T.a = T.b, b = T.a + U.d, t.c = CASE WHEN TRUE THEN 1 END from U[d > 1] AS u WINDOW('length', 2) where TRUE;", "update T set a=T.b, b=(+ T.a U.d), c=(case true:1) on true from U as u [(> d 1)] window length(2)"),
    ("@info(name='q') UPDATE T SET a = 1 FROM U JOIN V ON U.x = V.x LEFT JOIN W ON TRUE WHERE T.a = V.a OR T.b IN X", "@q update T set a=1 on (or (= T.a V.a) (in T.b X)) from U Inner V on (= U.x V.x) Left W on true"),
    ("UPDATE T SET \"set\" = 'x', from = 2 FROM U WHERE a", "update T set set='x', from=2 on a from U"),
    ("DELETE FROM T USING D WHERE T.sym = D.sym", "delete T on (= T.sym D.sym) from D"),
    ("@info(name='q') delete from T using D[v >= 100] AS d JOIN E UNIDIRECTIONAL ON d.x = E.x where T.a = d.a AND T.b = E.b;", "@q delete T on (and (= T.a d.a) (= T.b E.b)) from D as d [(>= v 100)] Inner E alone on (= d.x E.x)"),
    ("UPSERT INTO T SELECT sym, price FROM S ON T.sym = S.sym", "upsert T on (= T.sym S.sym) sym, price from S"),
    ("UPSERT INTO T SELECT a FROM A CROSS JOIN B ON T.a = A.a", "upsert T on (= T.a A.a) a from A Inner B on true"),
    ("UPSERT INTO T SELECT a FROM A JOIN B ON A.x = B.x ON T.a = A.a", "upsert T on (= T.a A.a) a from A Inner B on (= A.x B.x)"),
    ("UPSERT INTO T SELECT a FROM A ASOF JOIN B ON A.x = B.x WITHIN 1 SECOND ON T.a = 5", "upsert T on (= T.a 5) a from A Asof B on (= A.x B.x) within 1000000us"),
    (
        "@info(name='q') upsert into T select distinct *, count() AS n FROM S[v > 1] WINDOW('lengthBatch', 2) WHERE a GROUP BY b HAVING n > 1 ORDER BY n LIMIT 5 ON T.b = S.b AND TRUE;",
        "@q upsert T on (and (= T.b S.b) true) distinct *, count() as n from S [(> v 1)] window lengthBatch(2) where a group b having (> n 1) order n limit 5",
    ),
    ("INSERT INTO O SELECT sym FROM K[(sym = T.sym) IN T]", "Current->O sym from K [(in (= sym T.sym) T)]"),
    ("INSERT INTO O SELECT x IN T AS y, x NOT IN T, NOT (x = 1) IN \"T u\" FROM S", "Current->O (in x T) as y, (not-in x T), (not (in (= x 1) T u)) from S"),
    ("INSERT INTO O SELECT a + 1 IN T = b AND c IN T OR d IN (1) FROM S", "Current->O (or (and (= (in (+ a 1) T) b) (in c T)) (in d [1])) from S"),
    ("INSERT INTO O SELECT CASE WHEN a IN T THEN 1 END, f(b IN T, c) FROM S WHERE x NOT IN T GROUP BY x IN T HAVING (y) IN T", "Current->O (case (in a T):1), f((in b T), c) from S where (not-in x T) group (in x T) having (in y T)"),
    ("CREATE TABLE T (a INT); UPDATE T SET a = 1 FROM U WHERE TRUE; DELETE FROM T USING U WHERE TRUE; UPSERT INTO T SELECT a FROM U ON TRUE", "table T(a INT) key ; update T set a=1 on true from U; delete T on true from U; upsert T on true a from U"),
    // where no statement begins these words are names
    ("INSERT INTO O SELECT update, delete, set, using, upsert FROM table AS window WHERE within IN upsert", "Current->O update, delete, set, using, upsert from table as window where (in within upsert)"),
];

/// Wrong texts, as in the other tables.
#[rustfmt::skip]
pub(super) const BAD: &[(&str, &str, &str)] = &[
    // tables
    ("CREATE «TABEL» T (a INT)", "expected STREAM, TABLE, WINDOW, TRIGGER or AGGREGATION", "did you mean 'TABLE'?"),
    ("CREATE TABLE «(»a INT)", "expected the name of the table", ""),
    ("CREATE TABLE «order» (a INT)", "the name of the table, found 'order'", "double quotes"),
    ("CREATE TABLE «#»T (a INT)", "inner streams", ""),
    ("CREATE TABLE T«.»U (a INT)", "has no dot", "in double quotes"),
    ("CREATE TABLE «IF» NOT EXISTS T (a INT)", "IF NOT EXISTS", "remove it"),
    ("CREATE «OR» REPLACE TABLE T (a INT)", "OR REPLACE", "write CREATE alone"),
    ("CREATE TABLE T («)»", "expected the name of an attribute", ""),
    ("CREATE TABLE T (a «STRNG»)", "unknown type", "did you mean 'STRING'?"),
    ("CREATE TABLE T (a INT PRIMARY «,» b INT)", "expected KEY, found ','", ""),
    ("CREATE TABLE T (a INT PRIMARY KEY, b INT «PRIMARY» KEY)", "two primary keys", "PRIMARY KEY (a, b)"),
    ("CREATE TABLE T (a INT PRIMARY KEY «PRIMARY» KEY)", "two primary keys", "PRIMARY KEY (a, b)"),
    ("CREATE TABLE T (a INT PRIMARY KEY, b INT, «PRIMARY» KEY (b))", "two primary keys", "PRIMARY KEY (a, b)"),
    ("CREATE TABLE T (PRIMARY KEY (b), b INT, «PRIMARY» KEY (b))", "two primary keys", "PRIMARY KEY (a, b)"),
    ("CREATE TABLE T «(PRIMARY KEY (a))»", "no attributes", "(a STRING PRIMARY KEY)"),
    ("CREATE TABLE T (a INT, PRIMARY KEY («)»)", "expected the name of an attribute", ""),
    ("CREATE TABLE T (a INT, PRIMARY KEY (a «b»))", "expected ',' or ')'", ""),
    ("CREATE TABLE T (a INT, PRIMARY KEY «a»)", "expected '(', found 'a'", ""),
    ("CREATE TABLE T (a INT «NOT NULL»)", "NOT NULL is not supported", "S[v IS NOT NULL]"),
    ("CREATE TABLE T (a INT PRIMARY KEY «NOT NULL»)", "NOT NULL is not supported", "never NULL"),
    ("CREATE TABLE T (a INT «NULL»)", "NULL is not supported", "remove it"),
    ("CREATE TABLE T (a INT «UNIQUE»)", "UNIQUE is not supported", "PRIMARY KEY"),
    ("CREATE TABLE T (a INT, «UNIQUE» (a))", "UNIQUE is not supported", "PRIMARY KEY"),
    ("CREATE TABLE T (a INT «DEFAULT» 5)", "DEFAULT is not supported", "coalesce"),
    ("CREATE TABLE T (a INT «REFERENCES» U (a))", "REFERENCES is not supported", "a query joins them"),
    ("CREATE TABLE T (a INT, «FOREIGN KEY» (a) REFERENCES U (a))", "FOREIGN KEY is not supported", "a query joins them"),
    ("CREATE TABLE T (a INT «CHECK» (a > 1))", "CHECK is not supported", "S[v > 0]"),
    ("CREATE TABLE T (a INT, «CHECK» (a > 1))", "CHECK is not supported", "S[v > 0]"),
    ("CREATE TABLE T (a INT, «INDEX» (a))", "INDEX is not supported", "'index'='a'"),
    ("CREATE TABLE T (a INT, «CONSTRAINT» c UNIQUE (a))", "has no name", "remove CONSTRAINT"),
    ("CREATE TABLE T (a INT «COLLATE» nocase)", "expected ',' or ')'", "upper(a)"),
    ("CREATE TABLE T (a INT) «WIHT» ('a'='b')", "found 'WIHT'", "did you mean 'WITH'?"),
    ("CREATE TABLE T (a INT) WITH («)»", "the name of an option", ""),
    ("CREATE TABLE T «AS» SELECT a FROM S", "expected '(', found 'AS'", ""),
    ("CREATE TABLE T (a INT) «WINDOW»('length', 2)", "expected WITH or ';'", ""),
    ("@info(name=«'q'») CREATE TABLE T (a INT)", "names a query", "remove it"),
    // named windows
    ("CREATE WINDOW W (a INT)«»", "expected WINDOW, found the end", "WINDOW('length', 5)"),
    ("CREATE WINDOW W (a INT)«;»", "expected WINDOW, found ';'", "WINDOW('length', 5)"),
    ("CREATE WINDOW W (a INT) «WINDW»('length', 5)", "expected WINDOW, found 'WINDW'", "did you mean 'WINDOW'?"),
    ("CREATE WINDOW W (a INT) «length»(5)", "expected WINDOW, found 'length'", "WINDOW('length', 5)"),
    ("CREATE WINDOW W «WINDOW»('length', 5)", "expected '(', found 'WINDOW'", ""),
    ("CREATE WINDOW W (a INT «PRIMARY» KEY) WINDOW('length', 5)", "belongs to tables", "CREATE TABLE"),
    ("CREATE WINDOW W (a INT, «PRIMARY» KEY (a)) WINDOW('length', 5)", "belongs to tables", "CREATE TABLE"),
    ("CREATE WINDOW W (a INT «NOT» NULL) WINDOW('length', 5)", "expected ',' or ')'", "every attribute may be NULL"),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) «WITH» ('a'='b')", "expected OUTPUT or ';', found 'WITH'", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) «WINDOW»('length', 5)", "expected OUTPUT or ';'", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) «OUTPTU» ALL EVENTS", "expected OUTPUT or ';'", "did you mean 'OUTPUT'?"),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) OUTPUT «SOME» EVENTS", "expected ALL, EXPIRED or CURRENT EVENTS", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) OUTPUT ALL«;»", "expected EVENTS, found ';'", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) OUTPUT ALL EVENTS «OUTPUT» ALL EVENTS", "expected ';', found 'OUTPUT'", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) «OUTPUT» EVERY 5 EVENTS", "a rate limit belongs to a query", ""),
    ("CREATE WINDOW W (a INT) WINDOW('length', 5) «CREATE» STREAM S (a INT)", "expected OUTPUT or ';'", "write ';'"),
    // UPDATE
    ("«UPDATE» T SET a = 1", "the UPDATE has no FROM", "write FROM S"),
    ("«UPDATE» T SET a = 1 WHERE T.a = 2", "the UPDATE has no FROM", "write FROM S"),
    ("UPDATE T SET a = 1 «FORM» U WHERE TRUE", "expected ',' or FROM, found 'FORM'", "did you mean 'FROM'?"),
    ("«UPDATE» T SET a = 1 FROM U", "the UPDATE has no WHERE", "WHERE T.key = S.key"),
    ("UPDATE T SET a = 1 FROM U «ON» T.a = U.a", "expected JOIN or WHERE, found 'ON'", "WHERE T.key = S.key"),
    ("UPDATE T SET a = 1 FROM U «u» WHERE T.a = u.a", "expected JOIN or WHERE, found 'u'", "write AS u"),
    ("UPDATE T SET a = 1 FROM U«,» V WHERE TRUE", "a comma between streams", "JOIN"),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE «GROUP» BY a", "UPDATE has no GROUP BY", "insert into a stream"),
    ("UPDATE T SET a = 1 FROM U «LIMIT» 1", "UPDATE has no LIMIT", "insert into a stream"),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE OUTPUT EVERY «0» EVENTS", "a rate limit counts at least one row", ""),
    ("UPDATE T SET a = 1 FROM U «OUTPUT» EVERY 5 EVENTS WHERE TRUE", "expected", ""),
    ("DELETE FROM T USING U WHERE TRUE OUTPUT LAST EVERY 1 SECOND «HAVING» a > 1", "HAVING stands before OUTPUT", ""),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE «JOIN» V ON TRUE", "before WHERE", "move it"),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE «WHERE» FALSE", "expected ';', found 'WHERE'", ""),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE «RETURNING» a", "expected ';'", "by another query"),
    ("UPDATE T SET a = 1 FROM U WHERE TRUE «CREATE» STREAM S (a INT)", "expected ';'", "write ';'"),
    ("UPDATE «SET» a = 1 FROM U WHERE TRUE", "", ""),
    ("UPDATE T «AS» t SET a = 1 FROM U WHERE TRUE", "expected SET, found 'AS'", "no alias"),
    ("UPDATE T «t» SET a = 1 FROM U WHERE TRUE", "expected SET, found 't'", "no alias"),
    ("UPDATE T «FROM» U WHERE TRUE", "expected SET, found 'FROM'", ""),
    ("UPDATE T SET «(»a, b) = (1, 2) FROM U WHERE TRUE", "expected the name of an attribute", ""),
    ("UPDATE T SET a «+» 1 FROM U WHERE TRUE", "expected '=', found '+'", ""),
    ("UPDATE T SET a = 1, «FROM» U WHERE TRUE", "expected the name of an attribute, found 'FROM'", "remove the comma"),
    ("UPDATE T SET «FROM» U WHERE TRUE", "expected the name of an attribute, found 'FROM'", ""),
    ("UPDATE T SET «U».a = 1 FROM U WHERE TRUE", "attributes of T only", "write T.attribute"),
    ("UPDATE T SET a = «FROM» U WHERE TRUE", "expected an expression", ""),
    ("«UPDATE OR» INSERT INTO T SET a = 1", "UPDATE OR INSERT is not supported", "UPSERT INTO T SELECT"),
    ("SELECT a FROM S «UPDATE» OR INSERT INTO T ON T.a = a", "UPDATE OR INSERT is not supported", "UPSERT INTO T SELECT"),
    ("SELECT a FROM S «UPDATE» T SET T.a = a ON T.a = a", "does not stand behind a SELECT", "UPDATE T SET"),
    // DELETE
    ("DELETE «T» USING D WHERE TRUE", "expected FROM, found 'T'", ""),
    ("«DELETE» FROM T", "the DELETE has no USING", "write USING S"),
    ("«DELETE» FROM T WHERE T.a = 1", "the DELETE has no USING", "write USING S"),
    ("«DELETE» FROM T USING D", "the DELETE has no WHERE", "WHERE T.key = S.key"),
    ("DELETE FROM T USING D «ON» T.a = D.a", "expected JOIN or WHERE, found 'ON'", "WHERE T.key = S.key"),
    ("DELETE FROM T «t» USING D WHERE TRUE", "expected USING, found 't'", "no alias"),
    ("DELETE FROM T «USNIG» D WHERE TRUE", "expected USING", "did you mean 'USING'?"),
    ("DELETE FROM T USING D WHERE TRUE «ORDER» BY a", "DELETE has no ORDER BY", "insert into a stream"),
    ("SELECT a FROM S «DELETE» T ON T.a = a", "does not stand behind a SELECT", "DELETE FROM T USING S"),
    // UPSERT
    ("UPSERT «T» SELECT a FROM S ON TRUE", "expected INTO, found 'T'", ""),
    ("«UPSERT» INTO T SELECT a FROM S", "the UPSERT has no ON", "ON T.key = S.key at the end, with the key of T"),
    ("«UPSERT» INTO Prices SELECT a FROM A JOIN B ON A.x = B.x", "the UPSERT has no ON", "the key of Prices: each ON before it belongs to a join"),
    ("UPSERT INTO T SELECT a FROM S ON TRUE «WHERE» a", "WHERE stands before ON", "move it"),
    ("UPSERT INTO T SELECT a FROM S ON TRUE «GROUP» BY a", "GROUP BY stands before ON", "move it"),
    ("UPSERT INTO T SELECT a FROM S ON TRUE «ON» TRUE", "expected ';', found 'ON'", ""),
    ("UPSERT INTO T SELECT a FROM S WHERE b «c» ON TRUE", "expected GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET or ON, found 'c'", ""),
    ("UPSERT INTO T SELECT a FROM S «s» ON TRUE", "LIMIT or ON, found 's'", "write AS s"),
    ("UPSERT INTO T SELECT a FROM S OUTPUT EVERY «0» EVENTS ON TRUE", "a rate limit counts at least one row", ""),
    ("UPSERT INTO T SELECT a FROM S ON TRUE «OUTPUT» EVERY 5 EVENTS", "OUTPUT stands before ON", "in front of the ON of the UPSERT"),
    ("UPSERT INTO T «(»a) SELECT a FROM S ON TRUE", "list of columns", ""),
    ("UPSERT INTO T «VALUES» (1)", "VALUES is not supported", ""),
    ("UPSERT INTO T «WITH» x AS (SELECT a FROM S) SELECT a FROM x ON TRUE", "WITH … AS", ""),
    ("SELECT a FROM S «UPSERT» INTO T ON TRUE", "does not stand behind a SELECT", "UPSERT INTO T SELECT"),
    ("INSERT INTO T SELECT a FROM S «ON CONFLICT» (a) DO UPDATE SET a = 1", "ON CONFLICT is not supported", "UPSERT INTO T SELECT"),
    ("INSERT INTO T SELECT a FROM S WHERE a «ON DUPLICATE» KEY UPDATE a = 1", "ON CONFLICT is not supported", "UPSERT INTO T SELECT"),
    ("SELECT a FROM S INSERT INTO T «ON CONFLICT» DO NOTHING", "ON CONFLICT is not supported", "UPSERT INTO T SELECT"),
    ("INSERT INTO T SELECT a FROM S «ON» T.a = S.a", "ON stands behind JOIN, or at the end of an UPSERT", "WHERE"),
    ("INSERT «OR» REPLACE INTO T SELECT a FROM S", "INSERT OR … is not supported", "UPSERT INTO T SELECT"),
    ("«REPLACE» INTO T SELECT a FROM S", "REPLACE is not supported", "UPSERT INTO T SELECT"),
    ("«MERGE» INTO T USING S ON T.a = S.a WHEN MATCHED THEN UPDATE SET a = 1", "MERGE is not supported", "UPSERT INTO T SELECT"),
    ("«UPSRET» INTO T SELECT a FROM S ON TRUE", "expected CREATE STREAM", "did you mean 'UPSERT'?"),
    // IN
    ("INSERT INTO O SELECT a FROM S[a IN «5»]", "expected '(' or the name of a table, found '5'", ""),
    ("INSERT INTO O SELECT a FROM S[a IN«]»", "expected '(' or the name of a table, found ']'", ""),
    ("INSERT INTO O SELECT a IN «FROM» S", "expected '(' or the name of a table, found 'FROM'", ""),
    ("INSERT INTO O SELECT a IN «#»T FROM S", "expected '(' or the name of a table", ""),
    ("INSERT INTO O SELECT a IN T«.»b FROM S", "has no dot", ""),
    ("INSERT INTO O SELECT a IN «\"\"» FROM S", "a name cannot be empty", ""),
];

#[test]
fn good_statements_of_tables_are_read() {
    check_good(GOOD);
}

#[test]
fn wrong_statements_of_tables_name_place_and_remedy() {
    check_bad(BAD);
}

/// Behind a wrong statement that lacks its `;` too, each other one is found.
#[test]
fn the_next_statement_is_found_behind_a_wrong_one() {
    for (next, shown) in [
        ("CREATE TABLE T (a INT)", "table T(a INT) key "),
        (
            "CREATE WINDOW W (a INT) WINDOW('batch')",
            "named W(a INT) window batch() All",
        ),
        (
            "UPDATE T SET a = 1 FROM U WHERE TRUE",
            "update T set a=1 on true from U",
        ),
        (
            "DELETE FROM T USING U WHERE TRUE",
            "delete T on true from U",
        ),
        (
            "UPSERT INTO T SELECT a FROM U ON TRUE",
            "upsert T on true a from U",
        ),
    ] {
        for wrong in [
            "CREATE TABLE X (a INTT)",
            "CREATE WINDOW X (a INT)",
            "UPDATE X SET a",
            "DELETE FROM X USING Y",
            "UPSERT INTO X SELECT a FROM S",
            "INSERT INTO X SELECT a FROM S WHERE a b",
        ] {
            let (app, faults) = parse(&format!("{wrong}\n{next}"));
            assert_eq!(show_app(&app), shown, "{wrong} {next} {faults:?}");
            assert_eq!(faults.len(), 1, "{wrong} {next} {faults:?}");
        }
    }
    let (app, faults) = parse("@info(nam='q') UPDATE T SET a = 1 FROM U WHERE TRUE");
    assert_eq!((app.statements.len(), faults.len()), (1, 1), "{faults:?}");
}

#[test]
fn a_change_knows_its_places() {
    let text = "@info(name='q') UPDATE T SET T.a = U.b FROM U WHERE (T.k = U.k);\nUPSERT INTO T SELECT a FROM S ON T.a = S.a;";
    let app = read(text);
    let written = |span: Span| &text[span.range()];
    let [Statement::Query(update), Statement::Query(upsert)] = app.statements.as_slice() else {
        panic!("two queries")
    };
    assert_eq!(
        written(update.span),
        "UPDATE T SET T.a = U.b FROM U WHERE (T.k = U.k)"
    );
    let Action::Update { set, on } = &update.action else {
        panic!("an update")
    };
    assert_eq!(written(on.span), "(T.k = U.k)");
    assert_eq!(
        (written(set[0].0.span), written(set[0].1.span)),
        ("a", "U.b")
    );
    assert_eq!(
        written(upsert.span),
        "UPSERT INTO T SELECT a FROM S ON T.a = S.a"
    );
}
