//! Words and signs of other dialects, and what to write here instead.
//!
//! Nothing that is read is ignored: a sign that the grammar does not know is refused wherever it stands, and this file
//! only tells the way out. Every sign of the parser library stands in one list without a rest, so that one of a later
//! version does not pass unseen.

use super::token::Kind;

/// What to write instead of a word that stands where the grammar has no place for it.
const WORDS: &[(&str, &str)] = &[
    // behind SELECT
    ("EXCLUDE", "list the attributes instead of *"),
    (
        "EXCEPT",
        "list the attributes, or write one INSERT per SELECT",
    ),
    ("REPLACE", "list the attributes instead of *"),
    ("RENAME", "write attribute AS name"),
    ("ILIKE", "write LIKE or regexp(s, p)"),
    // behind FROM
    ("TABLESAMPLE", "filter by a condition, as in S[v % 10 = 0]"),
    ("SAMPLE", "filter by a condition, as in S[v % 10 = 0]"),
    ("UNNEST", "send one row per element"),
    (
        "PIVOT",
        "write sum(CASE WHEN condition THEN x END) per column",
    ),
    (
        "UNPIVOT",
        "write one INSERT INTO the same target per column",
    ),
    (
        "MATCH_RECOGNIZE",
        "write FROM PATTERN (EVERY e1=A -> e2=B[x > e1.x]) WITHIN 5 SECONDS",
    ),
    (
        "FINAL",
        "keep the latest row per key with WINDOW('unique', key)",
    ),
    (
        "PREWHERE",
        "write a filter behind the stream, as in S[v > 0]",
    ),
    ("ORDINALITY", "remove it: rows have no numbers"),
    ("USE", "remove it: streams have no indexes"),
    ("FORCE", "remove it: streams have no indexes"),
    ("IGNORE", "remove it: aggregates leave NULL out"),
    ("RESPECT", "remove it: aggregates leave NULL out"),
    (
        "STRAIGHT_JOIN",
        "write JOIN between two streams: the order of the text is kept",
    ),
    // clauses
    (
        "QUALIFY",
        "insert into a stream and filter what is read from it",
    ),
    ("FETCH", "write LIMIT n"),
    (
        "FOR",
        "remove it: nothing is locked, and each row is read once",
    ),
    (
        "CONNECT",
        "a query may insert into the stream that it reads",
    ),
    ("START", "a query may insert into the stream that it reads"),
    ("SORT", "write ORDER BY"),
    ("CLUSTER", "remove it: rows are spread by GROUP BY"),
    ("DISTRIBUTE", "remove it: rows are spread by GROUP BY"),
    ("ROLLUP", "write one query per set of keys"),
    ("CUBE", "write one query per set of keys"),
    ("GROUPING", "write one query per set of keys"),
    ("TOTALS", "write a query without GROUP BY"),
    ("ROWS", "remove it"),
    ("ROW", "remove it"),
    ("PERCENT", "write a number of rows"),
    ("TIES", "write a number of rows"),
    ("BY", "write one clause: GROUP BY or ORDER BY"),
    ("USING", "write ASC or DESC"),
    (
        "COLLATE",
        "compare upper(a) or lower(a): texts have no collation",
    ),
    ("SETTINGS", "remove it: the program configures the app"),
    ("OPTION", "remove it: there are no hints"),
    (
        "FORMAT",
        "write formatDate(ms, pattern) or parseDate(text, pattern)",
    ),
    ("RETURNING", "read the target by another query"),
    (
        "RETURN",
        "write INSERT INTO Out: the rows of a query go into a stream",
    ),
    ("WITH", "remove it: options stand behind CREATE STREAM only"),
    (
        "EMIT",
        "remove it: rows go on as they come, and those of a batch window when it closes",
    ),
    // inside calls
    (
        "SEPARATOR",
        "aggregate in the program: no function joins texts of a group",
    ),
    ("VARIADIC", "list the arguments"),
    (
        "WITHIN",
        "write the argument alone: order inside an aggregate is not supported",
    ),
    ("FILTER", "write sum(CASE WHEN condition THEN x END)"),
    (
        "OVER",
        "write it behind a call, as in sum(x) OVER (PARTITION BY k)",
    ),
    (
        "ORDER",
        "write the argument alone: order inside an aggregate is not supported",
    ),
    ("LIMIT", "write the argument alone"),
    ("TO", "write the argument alone"),
    ("PLACING", "write concat(left(s, a), new, substring(s, b))"),
    ("ARRAY", "send one row per element"),
    // behind operands
    ("ISNULL", "write IS NULL"),
    ("NOTNULL", "write IS NOT NULL"),
    ("DIV", "write floor(a / b)"),
    ("MOD", "write a % b"),
    ("XOR", "write a != b"),
    ("REGEXP", "write regexp(s, p)"),
    ("RLIKE", "write regexp(s, p)"),
    ("SIMILAR", "write LIKE or regexp(s, p)"),
    ("GLOB", "write LIKE or regexp(s, p)"),
    ("MATCH", "write LIKE or regexp(s, p)"),
    ("OVERLAPS", "write a.start < b.end AND b.start < a.end"),
    ("MEMBER", "write x IN (a, b)"),
    (
        "CONTAINS",
        "write (S.x = T.x) IN T, or instr(text, part) > 0",
    ),
    ("AT", "write formatDate(ms, pattern)"),
    ("DISTINCT", "write a = b OR (a IS NULL AND b IS NULL)"),
    ("UNKNOWN", "write IS NULL"),
    ("SYMMETRIC", "write the smaller bound first"),
    ("ESCAPE", "remove it: \\ escapes % and _"),
    // types and attributes
    ("PRECISION", "write DOUBLE"),
    ("VARYING", "write STRING"),
    ("UNSIGNED", "remove it: integers have a sign"),
    ("NOT", "remove it: every attribute may be NULL"),
    ("NULL", "remove it: every attribute may be NULL"),
    ("DEFAULT", "write coalesce(x, value) in the query"),
    (
        "UNIQUE",
        "keep the latest row per key with WINDOW('unique', key)",
    ),
    ("CHECK", "filter in the query, as in S[v > 0]"),
    (
        "REFERENCES",
        "remove it: the only key is a table's PRIMARY KEY",
    ),
    (
        "CONSTRAINT",
        "remove it: the only key is a table's PRIMARY KEY",
    ),
    ("GENERATED", "compute it in the query"),
    ("COMMENT", "write -- and the comment"),
    (
        "WATERMARK",
        "write it between the attributes of CREATE STREAM: WATERMARK FOR ts AS ts - 5 SECONDS",
    ),
    (
        "ENGINE",
        "write WITH ('key'='value', …) for a source or sink",
    ),
    ("PARTITIONED", "remove it: rows are spread by GROUP BY"),
];

/// What to write instead of this word where it is not expected.
pub(super) fn word(word: &str) -> Option<&'static str> {
    let same = |(known, _): &&(&str, _)| known.eq_ignore_ascii_case(word);
    WORDS.iter().find(same).map(|(_, remedy)| *remedy)
}

/// What to write instead of a sign that the grammar does not know; `None` for those that it knows.
pub(super) fn sign(kind: &Kind) -> Option<&'static str> {
    const STRING: &str = "write a string 'x' or a decimal number";
    const BITS: &str = "there are no operators on bits";
    const MATCH: &str = "write LIKE or regexp(s, p)";
    const JSON: &str = "write json_value(json, '$.a.b[0]'), or json ->> 'a'";
    const GEOMETRY: &str = "there are no operators on ranges and shapes";
    match kind {
        Kind::EOF
        | Kind::Word(_)
        | Kind::Number(..)
        | Kind::SingleQuotedString(_)
        | Kind::Comma
        | Kind::Whitespace(_)
        | Kind::DoubleEq
        | Kind::Eq
        | Kind::Neq
        | Kind::Lt
        | Kind::Gt
        | Kind::LtEq
        | Kind::GtEq
        | Kind::Plus
        | Kind::StringConcat
        | Kind::LongArrow
        | Kind::Minus
        | Kind::Mul
        | Kind::Div
        | Kind::Mod
        | Kind::LParen
        | Kind::RParen
        | Kind::Period
        | Kind::SemiColon
        | Kind::LBracket
        | Kind::RBracket
        | Kind::AtSign => None,
        Kind::Char('`') => Some("write a quoted name in double quotes"),
        Kind::Char('‘' | '’' | '‚' | '‛' | '′') => Some("write straight quotes: 'text'"),
        Kind::Char('“' | '”' | '„' | '‟' | '″' | '«' | '»') => {
            Some("write straight quotes: 'text' for a string, \"name\" for a name")
        }
        Kind::Char(_) | Kind::CustomBinaryOperator(_) => Some("remove it"),
        Kind::DoubleQuotedString(_)
        | Kind::TripleSingleQuotedString(_)
        | Kind::TripleDoubleQuotedString(_)
        | Kind::DollarQuotedString(_)
        | Kind::SingleQuotedByteStringLiteral(_)
        | Kind::DoubleQuotedByteStringLiteral(_)
        | Kind::TripleSingleQuotedByteStringLiteral(_)
        | Kind::TripleDoubleQuotedByteStringLiteral(_)
        | Kind::SingleQuotedRawStringLiteral(_)
        | Kind::DoubleQuotedRawStringLiteral(_)
        | Kind::TripleSingleQuotedRawStringLiteral(_)
        | Kind::TripleDoubleQuotedRawStringLiteral(_)
        | Kind::NationalStringLiteral(_)
        | Kind::QuoteDelimitedStringLiteral(_)
        | Kind::NationalQuoteDelimitedStringLiteral(_)
        | Kind::EscapedStringLiteral(_)
        | Kind::UnicodeStringLiteral(_)
        | Kind::HexStringLiteral(_) => Some(STRING),
        Kind::Spaceship => Some("write a = b OR (a IS NULL AND b IS NULL)"),
        Kind::DoubleColon => Some("write CAST(x AS type)"),
        Kind::Colon => Some("write the name of the function alone, without a namespace"),
        Kind::DuckIntDiv => Some("write floor(a / b)"),
        Kind::Assignment | Kind::RArrow => Some("list the arguments without their names"),
        Kind::Overlap => Some("write AND"),
        Kind::ExclamationMark | Kind::DoubleExclamationMark => Some("write NOT"),
        Kind::Sharp | Kind::DoubleSharp => Some("use a stream with an ordinary name"),
        Kind::Backslash => Some("remove it: a text goes on over lines by itself"),
        Kind::LBrace | Kind::RBrace => Some("remove it: there are no maps"),
        Kind::Placeholder(_) | Kind::Question | Kind::AtAt => {
            Some("write the value: an app has no parameters")
        }
        Kind::Ampersand
        | Kind::Pipe
        | Kind::Caret
        | Kind::Tilde
        | Kind::ShiftLeft
        | Kind::ShiftRight => Some(BITS),
        Kind::TildeAsterisk
        | Kind::ExclamationMarkTilde
        | Kind::ExclamationMarkTildeAsterisk
        | Kind::DoubleTilde
        | Kind::DoubleTildeAsterisk
        | Kind::ExclamationMarkDoubleTilde
        | Kind::ExclamationMarkDoubleTildeAsterisk
        | Kind::CaretAt
        | Kind::TildeEqual => Some(MATCH),
        Kind::PGSquareRoot => Some("write sqrt(x)"),
        Kind::PGCubeRoot => Some("write pow(x, 1.0 / 3)"),
        Kind::Arrow
        | Kind::HashArrow
        | Kind::HashLongArrow
        | Kind::AtArrow
        | Kind::ArrowAt
        | Kind::HashMinus
        | Kind::AtQuestion
        | Kind::QuestionAnd
        | Kind::QuestionPipe => Some(JSON),
        Kind::AtDashAt
        | Kind::QuestionMarkDash
        | Kind::AmpersandLeftAngleBracket
        | Kind::AmpersandRightAngleBracket
        | Kind::AmpersandLeftAngleBracketVerticalBar
        | Kind::VerticalBarAmpersandRightAngleBracket
        | Kind::TwoWayArrow
        | Kind::LeftAngleBracketCaret
        | Kind::RightAngleBracketCaret
        | Kind::QuestionMarkSharp
        | Kind::QuestionMarkDashVerticalBar
        | Kind::QuestionMarkDoubleVerticalBar
        | Kind::ShiftLeftVerticalBar
        | Kind::VerticalBarShiftRight
        | Kind::VerticalBarRightAngleBracket => Some(GEOMETRY),
    }
}
