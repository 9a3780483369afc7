//! What SQL or another dialect has and this language leaves out: each with its name and what to write instead.
//!
//! Some of it is left out by design and says so, as a query reads streams and writes one: subqueries, WITH, UNION. The
//! rest is written in another way here.

use super::ast::Span;
use crate::error::Fault;

/// What is recognised and refused.
pub(super) struct LeftOut {
    message: &'static str,
    remedy: &'static str,
}

impl LeftOut {
    /// The fault, at the place where the feature was met.
    pub(super) fn at(&self, span: Span) -> Fault {
        Fault::new(span, self.message).help(self.remedy)
    }
}

macro_rules! left_out {
    ($($name:ident: $message:literal, $remedy:literal;)*) => {
        $(pub(super) const $name: LeftOut = LeftOut { message: $message, remedy: $remedy };)*
    };
}

left_out! {
    COMMA_JOIN: "a comma between streams is not supported", "write A JOIN B ON a.x = b.x, or A CROSS JOIN B for all pairs";
    NATURAL: "NATURAL JOIN is not supported", "write JOIN … ON a.x = b.x";
    USING: "USING behind a join is not supported", "write ON a.x = b.x";
    SEMI: "SEMI JOIN is not supported", "write WHERE (S.x = T.x) IN T, where T is a table";
    ANTI: "ANTI JOIN is not supported", "write WHERE NOT ((S.x = T.x) IN T), where T is a table";
    LATERAL: "LATERAL is not supported", "insert what it selects into a stream and join that";
    SYSTEM_TIME: "FOR SYSTEM_TIME AS OF is not supported", "write ASOF JOIN for the latest row at or before each row, or join a table";
    UPDATE_OR_INSERT: "UPDATE OR INSERT is not supported", "write UPSERT INTO T SELECT … ON T.key = S.key";
    INSERT_OR: "INSERT OR … is not supported", "write UPSERT INTO T SELECT … ON T.key = S.key";
    ON_CONFLICT: "INSERT … ON CONFLICT is not supported", "write UPSERT INTO T SELECT … ON T.key = S.key";
    MERGE: "MERGE is not supported", "write UPSERT INTO T SELECT … ON T.key = S.key";
    REPLACE: "REPLACE is not supported", "write UPSERT INTO T SELECT … ON T.key = S.key";
    BARE_PATTERN: "a pattern stands whole in parentheses behind PATTERN or SEQUENCE", "write FROM PATTERN (e1=A -> e2=B)";
    PATTERN_INSIDE: "a pattern does not stand in another", "write the part in parentheses alone";
    PATTERN_JOIN: "a pattern cannot be joined", "insert the matches into a stream and join that";
    PATTERN_WINDOW: "a pattern has no window", "insert the matches into a stream and put the window there";
    PATTERN_ALIAS: "a pattern has no alias", "remove it: its terms have names, as in e1=A";
    PATTERN_FILTER: "a filter in brackets stands behind a stream of the pattern", "write WHERE to filter the matches";
    LATE_CLAUSE: "WITHIN, EMIT TIMEOUT and AFTER MATCH stand behind the parentheses of the pattern", "move it in front of the first clause";
    EVERY_SIDE: "EVERY stands in front of the whole, not of a side of AND or OR", "write EVERY (a=A AND b=B)";
    EVERY_ABSENT: "EVERY stands in front of NOT", "write EVERY NOT A FOR 5 SECONDS";
    WITHIN_SIDE: "WITHIN bounds the whole, not a side of AND or OR", "move it behind the last side";
    GROUP_SIDE: "a side of AND or OR is one term, or terms joined by AND and OR", "insert the matches of the part into a stream and name that here";
    GROUP_COUNT: "a count stands behind one stream", "write the part as often as it must come, or insert its matches into a stream and count that";
    GROUP_FILTER: "a filter in brackets stands behind one stream", "write it behind the stream of a term, as in e2=B[x > e1.x]";
    GROUP_NAME: "a part in parentheses has no name", "name its terms, as in (e1=A -> e2=B)";
    NOT_NAME: "what NOT says is missing has no name, as no row of it can be read", "remove the name";
    NOT_GROUP: "NOT stands in front of one stream", "write NOT A AND NOT B for neither of them";
    NOT_COUNT: "what NOT says is missing has no count: one row of it is one too many", "remove the count";
    FOR_PRESENT: "FOR belongs to NOT", "write NOT A FOR 5 SECONDS for silence, or WITHIN 5 SECONDS to bound the time";
    TWO_SILENCES: "FOR is given twice", "remove one of them";
    TWO_COUNTS: "the term has two counts", "remove one of them";
    LATE_FILTER: "a filter stands right behind its stream", "move it in front of the count or of FOR";
    TERM_WINDOW: "a term of a pattern has no window", "insert what leaves the window into a stream and name that here";
    TERM_JOIN: "a term of a pattern is one stream", "insert what is joined into a stream and name that here";
    INDEXED: "an index belongs to a term of a pattern, and an attribute behind it", "write e[0].x; what is a list is sent as one row per element";
    TABLE_KEY: "PRIMARY KEY belongs to tables", "write CREATE TABLE, or remove it: a stream or window has no key";
    FUNCTION: "CREATE FUNCTION is not supported", "register the function on the manager, by register_function, before the app is created";
    INNER_STREAM: "inner streams (#Name) belong to a partition", "use a stream with an ordinary name, or move the query between BEGIN and END";
    NESTED_PARTITION: "a partition does not stand in another", "write one key of both, as in concat(a, '/', b) OF S";
    FAULT_STREAM: "fault streams (!Name) are not supported", "use a stream with an ordinary name: what cannot be computed is NULL, and counted";
    VALUES: "VALUES is not supported", "send the rows through an input of the runtime";
    COLUMN_LIST: "a list of columns after the target is not supported", "select the columns in the order of the target";
    SUBQUERY: "subqueries are left out by design", "write the inner SELECT as a query of its own, INSERT INTO Inner SELECT …, and read Inner here";
    CTE: "WITH … AS (…) before a query is left out by design", "write what stands in parentheses as a query of its own, INSERT INTO Name SELECT …, and read Name";
    UNION: "UNION, INTERSECT and EXCEPT are left out by design", "for UNION ALL write an INSERT INTO the same stream for each SELECT; for the others a JOIN, or (condition) IN T with a table";
    OVER_NAME: "a window of OVER has no name", "write what it stands for, as in OVER (PARTITION BY k ROWS 20 PRECEDING)";
    OVER_NULLS: "IGNORE NULLS and RESPECT NULLS are not supported", "remove it: NULL is a value like any other; leave rows out with WHERE x IS NOT NULL";
    OVER_EXCLUDE: "EXCLUDE is not supported", "remove it: the current row is in its frame";
    OVER_ORDER: "ORDER BY in OVER has one expression", "write ORDER BY eventTimestamp(): rows of one time stand in the order in which they came";
    OVER_DESC: "ORDER BY in OVER goes upwards", "remove DESC: rows come in the order of time, and nothing is known of later ones";
    OVER_GROUPS: "GROUPS is not supported", "write ROWS n PRECEDING or RANGE t PRECEDING";
    OVER_BEFORE: "a frame ends with the current row", "write AND CURRENT ROW, and subtract what is not wanted";
    OVER_FOLLOWING: "a frame has no rows that come later", "write ROWS n PRECEDING, or a pattern for what follows a row";
    OVER_RANGE_ALL: "RANGE has a bound", "write ROWS UNBOUNDED PRECEDING for all rows since the start, or RANGE 5 SECONDS PRECEDING";
    QUALIFIED_STAR: "a star has no qualifier", "write * or list the attributes";
    DISTINCT_ON: "DISTINCT ON (…) is not supported", "keep the latest row per key with WINDOW('unique', key)";
    TOP: "TOP is not supported", "write LIMIT n behind the query";
    LIMIT_PAIR: "two numbers behind LIMIT are not supported", "write LIMIT rows OFFSET rows";
    OTHER_CAST: "there is one CAST", "write CAST(x AS type): a value that does not fit becomes NULL";
    HINT: "a hint is not obeyed", "remove it, or begin the comment with a letter";
    NULLS: "NULLS FIRST and NULLS LAST are left out by design: NULL comes first ascending and last descending", "remove it, or order by CASE WHEN x IS NULL THEN 1 ELSE 0 END before x";
}
