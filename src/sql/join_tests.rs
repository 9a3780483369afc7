//! Joins: what is read, and what is refused with its place and a remedy.

use super::ast::*;
use super::tests::{check_bad, check_good, read};

/// Texts and what they are read as.
#[rustfmt::skip]
pub(super) const GOOD: &[(&str, &str)] = &[
    ("INSERT INTO O SELECT * FROM A JOIN B ON A.x = B.x", "Current->O * from A Inner B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A inner join B ON TRUE", "Current->O * from A Inner B on true"),
    ("INSERT INTO O SELECT * FROM A LEFT JOIN B ON A.x = B.x", "Current->O * from A Left B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A LEFT OUTER JOIN B ON A.x = B.x", "Current->O * from A Left B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A RIGHT JOIN B ON A.x = B.x", "Current->O * from A Right B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A RIGHT OUTER JOIN B ON A.x = B.x", "Current->O * from A Right B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A FULL JOIN B ON A.x = B.x", "Current->O * from A Full B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A Full Outer Join B ON A.x = B.x", "Current->O * from A Full B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A CROSS JOIN B", "Current->O * from A Inner B on true"),
    ("INSERT INTO O SELECT * FROM A CROSS JOIN B WHERE A.x = 1", "Current->O * from A Inner B on true where (= A.x 1)"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B ON A.x = B.x", "Current->O * from A Asof B on (= A.x B.x)"),
    ("INSERT INTO O SELECT * FROM A AS a ASOF LEFT JOIN B[v > 1] AS b ON a.x = b.x WITHIN 5 SECONDS", "Current->O * from A as a AsofLeft B as b [(> v 1)] on (= a.x b.x) within 5000000us"),
    ("INSERT INTO O SELECT * FROM A ASOF LEFT OUTER JOIN B ON A.x = 5 WITHIN 1.5 minutes", "Current->O * from A AsofLeft B on (= A.x 5) within 90000000us"),
    (
        "INSERT ALL EVENTS INTO O SELECT a.x, b.y AS y FROM A[v > 1] AS a WINDOW('time', 5 SECONDS) JOIN B[w] WINDOW('length', 2) AS b ON a.x = b.x AND a.v < b.w \
         WHERE a.v = 2 GROUP BY a.x HAVING y > 1 ORDER BY y LIMIT 1 OFFSET 2",
        "All->O a.x, b.y as y from A as a [(> v 1)] window time(5000000us) Inner B as b [w] window length(2) on (and (= a.x b.x) (< a.v b.w)) \
         where (= a.v 2) group a.x having (> y 1) order y limit 1 offset 2",
    ),
    ("SELECT * FROM A JOIN B ON A.x = B.x INSERT INTO O", "Current->O * from A Inner B on (= A.x B.x)"),
    ("SELECT * FROM A JOIN B ON A.x = B.x WHERE A.y INSERT EXPIRED EVENTS INTO O", "Expired->O * from A Inner B on (= A.x B.x) where A.y"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL JOIN B ON TRUE", "Current->O * from A alone Inner B on true"),
    ("INSERT INTO O SELECT * FROM A JOIN B UNIDIRECTIONAL ON TRUE", "Current->O * from A Inner B alone on true"),
    ("INSERT INTO O SELECT * FROM A WINDOW('length', 1) AS a UNIDIRECTIONAL LEFT JOIN B AS b ON TRUE", "Current->O * from A as a window length(1) alone Left B as b on true"),
    ("INSERT INTO O SELECT * FROM A AS a UNIDIRECTIONAL WINDOW('length', 1) JOIN B ON TRUE", "Current->O * from A as a window length(1) alone Inner B on true"),
    ("INSERT INTO O SELECT * FROM A JOIN B unidirectional AS b WINDOW('length', 1) ON TRUE", "Current->O * from A Inner B as b window length(1) alone on true"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL ASOF JOIN B ON TRUE", "Current->O * from A alone Asof B on true"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL CROSS JOIN B", "Current->O * from A alone Inner B on true"),
    (
        "INSERT INTO O SELECT * FROM A JOIN B ON A.x = B.x LEFT JOIN C AS c ON B.y = c.y CROSS JOIN D FULL JOIN E ON D.z > 5 RIGHT JOIN F ON x IN T",
        "Current->O * from A Inner B on (= A.x B.x) Left C as c on (= B.y c.y) Inner D on true Full E on (> D.z 5) Right F on (in x T)",
    ),
    ("INSERT INTO O SELECT * FROM A JOIN B ON A.x = 5 INNER JOIN C ON A.x = 5 ASOF JOIN D ON A.x = 5 CROSS JOIN E", "Current->O * from A Inner B on (= A.x 5) Inner C on (= A.x 5) Asof D on (= A.x 5) Inner E on true"),
    ("INSERT INTO O SELECT * FROM A JOIN A AS b ON A.x = 5 RIGHT JOIN C ON A.x = 5 FULL JOIN D ON A.x = 5 LEFT JOIN E ON A.x = 5 SECONDS", "Current->O * from A Inner A as b on (= A.x 5) Right C on (= A.x 5) Full D on (= A.x 5) Left E on (= A.x 5000000us)"),
    // words of joins are names where no join can stand
    ("INSERT INTO O SELECT left, full, asof FROM left AS right JOIN lateral AS semi ON right.x = semi.x", "Current->O left, full, asof from left as right Inner lateral as semi on (= right.x semi.x)"),
    ("INSERT INTO O SELECT within FROM lateral WINDOW('length', 1)", "Current->O within from lateral window length(1)"),
];

/// Wrong texts, as in the other tables.
#[rustfmt::skip]
pub(super) const BAD: &[(&str, &str, &str)] = &[
    // no condition
    ("INSERT INTO O SELECT * FROM A JOIN B«»", "expected ON, found the end", "write ON a.x = b.x, or CROSS JOIN for all pairs"),
    ("INSERT INTO O SELECT * FROM A JOIN B «WHERE» A.x = B.x", "expected ON, found 'WHERE'", "write ON a.x = b.x, or CROSS JOIN for all pairs"),
    ("INSERT INTO O SELECT * FROM A INNER JOIN B «JOIN» C ON TRUE", "expected ON, found 'JOIN'", "CROSS JOIN"),
    ("INSERT INTO O SELECT * FROM A LEFT JOIN B«;»", "expected ON, found ';'", "write ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B «LEFT» JOIN C ON TRUE", "expected ON, found 'LEFT'", "write ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A JOIN B «b» ON A.x = b.x", "expected ON, found 'b'", "write AS b"),
    ("INSERT INTO O SELECT * FROM A «a» JOIN B ON a.x = B.x", "expected WINDOW, JOIN, WHERE", "write AS a"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON A.x = B.x «b»", "expected JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT or ';', found 'b'", ""),
    ("INSERT INTO O SELECT * FROM A JOIN B ON A.x = B.x WHERE y «b»", "expected GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET or ';'", ""),
    ("INSERT INTO O SELECT * FROM A JOIN B ON«»", "expected an expression", ""),
    ("INSERT INTO O SELECT * FROM A JOIN «ON» A.x = B.x", "expected the name of a stream, found 'ON'", ""),
    ("INSERT INTO O SELECT * FROM A JOIN«»", "expected the name of a stream", ""),
    ("INSERT INTO O SELECT * FROM A JOIN «(»SELECT * FROM B) ON TRUE", "subqueries", "write the inner SELECT as a query"),
    ("INSERT INTO O SELECT * FROM A JOIN «(»B JOIN C ON TRUE) ON TRUE", "expected the name of a stream", "without parentheses"),
    ("INSERT INTO O SELECT * FROM A CROSS JOIN B «ON» A.x = B.x", "ON stands behind JOIN, or at the end of an UPSERT", "write WHERE to filter"),
    ("INSERT INTO O SELECT * FROM A «ON» A.x = 1", "ON stands behind JOIN", "write WHERE"),
    // words of joins
    ("INSERT INTO O SELECT * FROM A «JION» B ON TRUE", "found 'JION'", "did you mean 'JOIN'?"),
    ("INSERT INTO O SELECT * FROM A «LFET» JOIN B ON TRUE", "found 'LFET'", "did you mean 'LEFT'?"),
    ("INSERT INTO O SELECT * FROM A «INNR» JOIN B ON TRUE", "found 'INNR'", "did you mean 'INNER'?"),
    ("INSERT INTO O SELECT * FROM A INNER «B» ON TRUE", "expected JOIN, found 'B'", ""),
    ("INSERT INTO O SELECT * FROM A LEFT «B» ON TRUE", "expected OUTER or JOIN, found 'B'", ""),
    ("INSERT INTO O SELECT * FROM A INNER «OUTER» JOIN B ON TRUE", "expected JOIN, found 'OUTER'", ""),
    ("INSERT INTO O SELECT * FROM A «OUTER» JOIN B ON TRUE", "of which side", "LEFT, RIGHT or FULL OUTER JOIN"),
    ("INSERT INTO O SELECT * FROM A «STRAIGHT_JOIN» B ON TRUE", "found 'STRAIGHT_JOIN'", "write JOIN"),
    ("INSERT INTO O SELECT * FROM A CROSS «APPLY» B", "expected JOIN, found 'APPLY'", ""),
    ("INSERT INTO O SELECT * FROM A«,» B WHERE A.x = B.x", "a comma between streams", "write A JOIN B ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON TRUE«,» C", "a comma between streams", "JOIN"),
    ("INSERT INTO O SELECT * FROM A «NATURAL» JOIN B", "NATURAL JOIN is not supported", "ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A «NATURAL» LEFT JOIN B", "NATURAL JOIN is not supported", "ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A JOIN B «USING» (x)", "USING behind a join", "ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A CROSS JOIN B «USING» (x)", "USING behind a join", "ON a.x = b.x"),
    ("INSERT INTO O SELECT * FROM A «SEMI» JOIN B ON TRUE", "SEMI JOIN is not supported", "(S.x = T.x) IN T"),
    ("INSERT INTO O SELECT * FROM A LEFT «SEMI» JOIN B ON TRUE", "SEMI JOIN is not supported", "(S.x = T.x) IN T"),
    ("INSERT INTO O SELECT * FROM A «ANTI» JOIN B ON TRUE", "ANTI JOIN is not supported", "NOT ((S.x = T.x) IN T)"),
    ("INSERT INTO O SELECT * FROM A RIGHT «ANTI» JOIN B ON TRUE", "ANTI JOIN is not supported", "NOT ((S.x = T.x) IN T)"),
    ("INSERT INTO O SELECT * FROM A JOIN «LATERAL» (SELECT 1) ON TRUE", "LATERAL is not supported", "into a stream"),
    ("INSERT INTO O SELECT * FROM A JOIN «LATERAL» B ON TRUE", "LATERAL is not supported", "into a stream"),
    ("INSERT INTO O SELECT * FROM A «LATERAL» VIEW explode(x) t", "LATERAL is not supported", "into a stream"),
    ("INSERT INTO O SELECT * FROM A WHERE A.x «JOIN» B ON TRUE", "behind its streams, before WHERE", "move it"),
    ("INSERT INTO O SELECT * FROM A GROUP BY x «LEFT» JOIN B ON TRUE", "behind its streams, before WHERE", "move it"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON TRUE «WINDOW»('length', 1)", "WINDOW stands behind the stream", "move it"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON TRUE OUTPUT EVERY «0» EVENTS", "a rate limit counts at least one row", ""),
    ("SELECT * FROM A JOIN B INSERT INTO O SELECT * FROM A«»", "", ""),
    // as of a time
    ("INSERT INTO O SELECT * FROM A «FOR SYSTEM_TIME» AS OF 5", "FOR SYSTEM_TIME AS OF is not supported", "ASOF JOIN"),
    ("INSERT INTO O SELECT * FROM A JOIN B «FOR SYSTEM_TIME» AS OF A.at AS b ON TRUE", "FOR SYSTEM_TIME AS OF is not supported", "join a table"),
    ("INSERT INTO O SELECT * FROM A ASOF «RIGHT» JOIN B ON TRUE", "expected JOIN, found 'RIGHT'", "write ASOF JOIN or ASOF LEFT JOIN"),
    ("INSERT INTO O SELECT * FROM A ASOF «FULL» OUTER JOIN B ON TRUE", "expected JOIN, found 'FULL'", "write ASOF JOIN or ASOF LEFT JOIN"),
    ("INSERT INTO O SELECT * FROM A ASOF «INNER» JOIN B ON TRUE", "expected JOIN, found 'INNER'", "write ASOF JOIN or ASOF LEFT JOIN"),
    ("INSERT INTO O SELECT * FROM A ASOF «CROSS» JOIN B", "expected JOIN, found 'CROSS'", "write ASOF JOIN or ASOF LEFT JOIN"),
    ("INSERT INTO O SELECT * FROM A LEFT «ASOF» JOIN B ON TRUE", "expected JOIN, found 'ASOF'", "write ASOF JOIN or ASOF LEFT JOIN"),
    ("INSERT INTO O SELECT * FROM A ASOF «B» ON TRUE", "expected LEFT or JOIN, found 'B'", ""),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B «WITHIN» 5 SECONDS ON TRUE", "WITHIN stands behind the condition", "ON a.x = b.x WITHIN 5 SECONDS"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B ON TRUE WITHIN «5»", "no unit", "WITHIN 5 SECONDS"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B ON TRUE WITHIN «x»", "expected a duration, found 'x'", "WITHIN 5 SECONDS"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B ON TRUE WITHIN «-»5 SECONDS", "expected a duration", "WITHIN 5 SECONDS"),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B ON TRUE WITHIN 5 «SECS»", "unknown unit", "SECONDS"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON TRUE «WITHIN» 5 SECONDS", "WITHIN belongs to ASOF JOIN", "BETWEEN"),
    ("INSERT INTO O SELECT * FROM A CROSS JOIN B «WITHIN» 5 SECONDS", "WITHIN belongs to ASOF JOIN", "BETWEEN"),
    // triggers
    ("INSERT INTO O SELECT * FROM A «UNIDIRECTIONAL»", "UNIDIRECTIONAL belongs to a join", "remove it"),
    ("INSERT INTO O SELECT * FROM A «UNIDIRECTIONAL» WHERE A.x", "UNIDIRECTIONAL belongs to a join", "join the stream"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL «JION» B ON TRUE", "expected JOIN, found 'JION'", "did you mean 'JOIN'?"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL «UNIDIRECTIONAL» JOIN B ON TRUE", "given twice", "remove one"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL JOIN B «UNIDIRECTIONAL» ON TRUE", "on both sides", "remove one"),
    ("INSERT INTO O SELECT * FROM A UNIDIRECTIONAL JOIN B ON TRUE JOIN C «UNIDIRECTIONAL» ON TRUE", "on both sides", "remove one"),
    ("INSERT INTO O SELECT * FROM A JOIN B ON TRUE «UNIDIRECTIONAL»", "expected JOIN, WHERE", ""),
    ("INSERT INTO O SELECT * FROM A ASOF JOIN B «UNIDIRECTIONAL» ON TRUE", "left side alone triggers", "remove UNIDIRECTIONAL"),
    ("INSERT INTO O SELECT * FROM A AS a JOIN B AS b «AS» c ON TRUE", "two aliases", "remove one"),
];

#[test]
fn good_joins_are_read() {
    check_good(GOOD);
}

#[test]
fn wrong_joins_name_place_and_remedy() {
    check_bad(BAD);
}

#[test]
fn a_join_knows_its_places() {
    let text = "INSERT INTO O SELECT * FROM A AS a UNIDIRECTIONAL LEFT OUTER JOIN B ON (a.x = B.x) \
                CROSS JOIN C ASOF JOIN D ON a.x = D.x WITHIN 5 SECONDS WHERE a.y";
    let app = read(text);
    let Statement::Query(q) = &app.statements[0] else {
        panic!("a query")
    };
    let written = |span: Span| &text[span.range()];
    let joins: Vec<_> = q.joins.iter().map(|j| written(j.span)).collect();
    assert_eq!(
        joins,
        [
            "LEFT OUTER JOIN B ON (a.x = B.x)",
            "CROSS JOIN C",
            "ASOF JOIN D ON a.x = D.x WITHIN 5 SECONDS"
        ]
    );
    let conditions: Vec<_> = q.joins.iter().map(|j| written(j.on.span)).collect();
    assert_eq!(conditions, ["(a.x = B.x)", "CROSS JOIN", "a.x = D.x"]);
    let (_, within) = q.joins[2].within.expect("a bound of time");
    assert_eq!(written(within), "WITHIN 5 SECONDS");
    let trigger = q.sources[0].unidirectional.expect("a trigger");
    assert_eq!(written(trigger), "UNIDIRECTIONAL");
}
