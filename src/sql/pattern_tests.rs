//! Patterns and sequences: what is read, and what is refused with its place and a remedy.

use super::ast::*;
use super::limits::*;
use super::parse;
use super::tests::{check_bad, check_good, read, show_source};

/// The tree of a pattern: groups in braces, logical ones as expressions are.
pub(super) fn show_pattern(pattern: &Pattern, sources: &[Source]) -> String {
    let kind = if pattern.is_sequence {
        "sequence"
    } else {
        "pattern"
    };
    let mut out = format!("from {kind} {}", show_chain(&pattern.chain, sources));
    out += &show_within(pattern.within);
    if let Some(name) = &pattern.timeout {
        out += &format!(" timeout {}", name.text);
    }
    if pattern.skip_past.is_some() {
        out += " skip";
    }
    out
}

fn show_within(within: Option<(i64, Span)>) -> String {
    within.map_or(String::new(), |(us, _)| format!(" within {us}us"))
}

fn show_chain(chain: &[Step], sources: &[Source]) -> String {
    let step = |step: &Step| {
        let every = if step.every.is_some() { "every " } else { "" };
        let unit = match &step.unit {
            Unit::Group(chain) => show_chain(chain, sources),
            Unit::Logical(logical) => show_logical(logical, sources),
        };
        format!("{every}{unit}{}", show_within(step.within))
    };
    let steps = chain.iter().map(step).collect::<Vec<_>>();
    format!("{{{}}}", steps.join("; "))
}

fn show_logical(logical: &Logical, sources: &[Source]) -> String {
    let (word, sides) = match logical {
        Logical::Term(term) => return show_term(term, sources),
        Logical::And(sides) => ("and", sides),
        Logical::Or(sides) => ("or", sides),
    };
    assert!(sides.len() > 1);
    let sides = sides.iter().map(|s| show_logical(s, sources));
    format!("({word} {})", sides.collect::<Vec<_>>().join(", "))
}

fn show_term(term: &Term, sources: &[Source]) -> String {
    let mut out = show_source(&sources[term.source]);
    if term.absent.is_some() {
        out = format!("not {out}");
    }
    if let Some((us, _)) = term.silence {
        out += &format!(" for {us}us");
    }
    if let Some(Count { min, max, .. }) = term.count {
        let max = max.map_or("many".into(), |m| m.to_string());
        out += &format!(" {min}..{max}");
    }
    out
}

/// Texts and what they are read as.
#[rustfmt::skip]
pub(super) const GOOD: &[(&str, &str)] = &[
    // links
    ("INSERT INTO O SELECT * FROM PATTERN (A)", "Current->O * from pattern {A}"),
    ("INSERT INTO O SELECT e1.x, e2.y AS y FROM PATTERN (EVERY e1=A -> e2=B[x > e1.x])", "Current->O e1.x, e2.y as y from pattern {every A as e1; B as e2 [(> x e1.x)]}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A, b=B -> c=C)", "Current->O * from pattern {A as a; B as b; C as c}"),
    ("INSERT INTO O SELECT * FROM SEQUENCE (a=A->b=B,c=C)", "Current->O * from sequence {A as a; B as b; C as c}"),
    ("insert into O select * from sequence (every a = A, not B for 2 minutes) within 1 hour", "Current->O * from sequence {every A as a; not B for 120000000us} within 3600000000us"),
    ("SELECT * FROM PATTERN (a=A) INSERT ALL EVENTS INTO O", "All->O * from pattern {A as a}"),
    // counts
    ("INSERT INTO O SELECT * FROM PATTERN (a=A{3}->b=B{2,5}->c=C{2,}->d=D{,5}->e=E+->f=F*->g=G?)", "Current->O * from pattern {A as a 3..3; B as b 2..5; C as c 2..many; D as d 0..5; E as e 1..many; F as f 0..many; G as g 0..1}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A[price > 20]{2,5}, B[x <= 40]+)", "Current->O * from pattern {A as a [(> price 20)] 2..5; B [(<= x 40)] 1..many}"),
    ("INSERT INTO O SELECT * FROM SEQUENCE (A ?, B *, C +, D { 2 , 3 }, E{0,1}, F{1000000})", "Current->O * from sequence {A 0..1; B 0..many; C 1..many; D 2..3; E 0..1; F 1000000..1000000}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A[x > 1][y]{1,1})", "Current->O * from pattern {A as a [(> x 1)] [y] 1..1}"),
    // AND, OR, NOT
    ("INSERT INTO O SELECT * FROM PATTERN (a=A AND b=B OR c=C AND d=D AND e=E)", "Current->O * from pattern {(or (and A as a, B as b), (and C as c, D as d, E as e))}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A and (b=B or c=C))", "Current->O * from pattern {(and A as a, (or B as b, C as c))}"),
    ("INSERT INTO O SELECT * FROM PATTERN ((a=A AND b=B) AND c=C OR d=D OR e=E)", "Current->O * from pattern {(or (and (and A as a, B as b), C as c), D as d, E as e)}"),
    ("INSERT INTO O SELECT * FROM PATTERN (NOT A[x > 1] AND b=B -> c=C)", "Current->O * from pattern {(and not A [(> x 1)], B as b); C as c}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A -> NOT B[k = a.k] FOR 10 MILLISECONDS AND c=C{2} OR NOT D FOR 1 SECOND)", "Current->O * from pattern {A as a; (or (and not B [(= k a.k)] for 10000us, C as c 2..2), not D for 1000000us)}"),
    ("INSERT INTO O SELECT * FROM PATTERN (NOT A FOR 1.5 SECONDS)", "Current->O * from pattern {not A for 1500000us}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A -> EVERY NOT B FOR 1 SECONDS)", "Current->O * from pattern {A as a; every not B for 1000000us}"),
    // groups
    ("INSERT INTO O SELECT * FROM PATTERN (EVERY (a=A -> b=B) -> c=C)", "Current->O * from pattern {every {A as a; B as b}; C as c}"),
    ("INSERT INTO O SELECT * FROM PATTERN (EVERY (a=A AND b=B) -> c=C)", "Current->O * from pattern {every (and A as a, B as b); C as c}"),
    ("INSERT INTO O SELECT * FROM PATTERN (EVERY a=A AND b=B)", "Current->O * from pattern {every (and A as a, B as b)}"),
    ("INSERT INTO O SELECT * FROM PATTERN ((((a=A))) -> ((b=B, c=C)))", "Current->O * from pattern {A as a; {B as b; C as c}}"),
    ("INSERT INTO O SELECT * FROM PATTERN (EVERY (EVERY a=A) -> (b=B WITHIN 1 SECONDS))", "Current->O * from pattern {every {every A as a}; {B as b within 1000000us}}"),
    ("INSERT INTO O SELECT * FROM PATTERN (EVERY (a=A -> EVERY (b=B, c=C) WITHIN 1 SECONDS) WITHIN 2 SECONDS -> d=D WITHIN 3 SECONDS) WITHIN 4 SECONDS", "Current->O * from pattern {every {A as a; every {B as b; C as c} within 1000000us} within 2000000us; D as d within 3000000us} within 4000000us"),
    ("INSERT INTO O SELECT * FROM PATTERN (NOT A FOR 1 SECONDS WITHIN 2 SECONDS)", "Current->O * from pattern {not A for 1000000us within 2000000us}"),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A -> b=B WITHIN 0 SECONDS)", "Current->O * from pattern {A as a; B as b within 0us}"),
    // clauses
    (
        "@info(name='q') INSERT INTO O SELECT a.x AS x, count(*) AS n FROM PATTERN (EVERY a=A -> b=B) WITHIN 5 SECONDS EMIT TIMEOUT INTO Expired AFTER MATCH SKIP PAST LAST ROW \
         WHERE b.y > 1 GROUP BY a.x HAVING n > 1 ORDER BY x LIMIT 1 OFFSET 2",
        "@q Current->O a.x as x, count() as n from pattern {every A as a; B as b} within 5000000us timeout Expired skip where (> b.y 1) group a.x having (> n 1) order x limit 1 offset 2",
    ),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A -> EVERY b=B) after match skip to next row", "Current->O * from pattern {A as a; every B as b}"),
    ("SELECT * FROM PATTERN ((EVERY a=A) -> b=B) WITH ('runs.max'='7') INSERT INTO O", "Current->O * from pattern {{every A as a}; B as b}"),
    ("SELECT * FROM PATTERN ((EVERY a=A) -> b=B) AFTER MATCH SKIP PAST LAST ROW INSERT INTO O", "Current->O * from pattern {{every A as a}; B as b} skip"),
    ("SELECT * FROM PATTERN (a=A) WITHIN 1 DAY EMIT TIMEOUT INTO \"E x\" INSERT INTO O", "Current->O * from pattern {A as a} within 86400000000us timeout E x"),
    // rows of a term
    (
        "INSERT INTO O SELECT e[0].x, e[LAST].x + e[last-1].x, e[ last - 1000 ].y, \"e f\"[1000].\"a b\", avg(e.x), last[last-0].last FROM PATTERN (e=A+) WHERE e[1].x IS NULL",
        "Current->O e[0].x, (+ e[last-0].x e[last-1].x), e[last-1000].y, e f[1000].a b, avg(e.x), last[last-0].last from pattern {A as e 1..many} where (null e[1].x)",
    ),
    ("INSERT INTO O SELECT * FROM PATTERN (a=A -> b=B[v > a.v AND (b[last].v IS NULL OR v > b[last].v)]{3})", "Current->O * from pattern {A as a; B as b [(and (> v a.v) (or (null b[last-0].v) (> v b[last-0].v)))] 3..3}"),
    // what changes tables
    ("UPDATE T SET v = b.v FROM PATTERN (a=A -> b=B) WITHIN 1 SECONDS WHERE T.k = a.k", "update T set v=b.v on (= T.k a.k) from pattern {A as a; B as b} within 1000000us"),
    ("DELETE FROM T USING PATTERN (a=A -> NOT B FOR 1 SECONDS) WHERE T.k = a.k", "delete T on (= T.k a.k) from pattern {A as a; not B for 1000000us}"),
    ("UPSERT INTO T SELECT a.k FROM SEQUENCE (a=A, b=B) WHERE b.v > 1 ON T.k = a.k", "upsert T on (= T.k a.k) a.k from sequence {A as a; B as b} where (> b.v 1)"),
    // words of patterns are names where no pattern can stand
    ("INSERT INTO Every SELECT within, every, emit, pattern FROM Pattern AS sequence WHERE sequence.match = 1", "Current->Every within, every, emit, pattern from Pattern as sequence where (= sequence.match 1)"),
    ("INSERT INTO O SELECT * FROM sequence[pattern > 1] WINDOW('length', 1)", "Current->O * from sequence [(> pattern 1)] window length(1)"),
    ("INSERT INTO O SELECT * FROM every JOIN Pattern ON every.x = Pattern.x", "Current->O * from every Inner Pattern on (= every.x Pattern.x)"),
    ("INSERT INTO O SELECT * FROM PATTERN (pattern=sequence -> \"every\"=\"for\" -> window=emit -> after=last)", "Current->O * from pattern {sequence as pattern; for as every; emit as window; last as after}"),
];

/// Wrong texts, as in the other tables; each stands behind `INSERT INTO O SELECT * FROM`.
#[rustfmt::skip]
const BAD_PATTERNS: &[(&str, &str, &str)] = &[
    // terms
    ("PATTERN («)»", "expected the name of a stream, found ')'", "write terms such as e1=A"),
    ("PATTERN (a=A -> «)»", "expected the name of a stream, found ')'", "write terms such as"),
    ("PATTERN («->» a=A)", "expected the name of a stream, found '->'", ""),
    ("PATTERN (a=«5»)", "expected the name of a stream, found '5'", "write terms such as"),
    ("PATTERN (a=A -> «WITHIN» 5 SECONDS)", "expected the name of a stream, found 'WITHIN'", "write \"WITHIN\" in double quotes"),
    ("PATTERN («for»=A)", "expected the name of a stream, found 'for'", "write \"for\" in double quotes"),
    ("PATTERN (a=«every»)", "expected the name of a stream, found 'every'", "write \"every\" in double quotes"),
    ("PATTERN («and»=A)", "expected the name of a term, found 'and'", "write \"and\" in double quotes"),
    ("PATTERN (a=A OR «ON»)", "expected the name of a stream, found 'ON'", "double quotes"),
    ("PATTERN (a«==»A)", "named by one '='", "write a="),
    ("PATTERN (a=#«»A)", "", ""),
    ("PATTERN (a=A«.»B)", "has no dot", ""),
    ("PATTERN (A «AS» a -> b=B)", "the name of a term stands in front", "write a=A"),
    ("PATTERN (A[x > 1]{2} «AS» a -> b=B)", "the name of a term stands in front", "write a=A"),
    ("PATTERN (A «a» -> b=B)", "the name of a term stands in front", "write a=A"),
    ("PATTERN (a=A «b=»B)", "", ""),
    ("PATTERN (a=A «b»=B)", "expected '->', ',', AND, OR, WITHIN or ')', found 'b'", "write -> in front"),
    ("PATTERN (a=A «WITIHN» 5 SECONDS)", "found 'WITIHN'", "did you mean 'WITHIN'?"),
    ("PATTERN (a=A «|» b=B)", "expected OR, found '|'", "write OR"),
    ("PATTERN (a=A «||» b=B)", "expected OR, found '||'", "write OR"),
    ("PATTERN (a=A «&&» b=B)", "expected AND, found '&&'", "write AND"),
    ("PATTERN (a=A «=>» b=B)", "expected '->', found '=>'", "write ->"),
    ("PATTERN (a=A «->>» b=B)", "expected '->', found '->>'", "write ->"),
    ("PATTERN (a=A -> b=B«»", "expected '->', ',', AND, OR, WITHIN or ')', found the end", ""),
    ("PATTERN (a=A WITHIN 5 SECONDS «b»=B)", "expected '->', ',' or ')', found 'b'", "write -> in front"),
    ("PATTERN (a=A «WINDOW»('length', 5))", "a term of a pattern has no window", "into a stream"),
    ("PATTERN (a=A«#»window.length(5))", "a term of a pattern has no window", "into a stream"),
    ("PATTERN (a=A «UNIDIRECTIONAL» -> b=B)", "a term of a pattern is one stream", "into a stream"),
    ("PATTERN (a=A «JOIN» B ON TRUE -> b=B)", "a term of a pattern is one stream", "into a stream"),
    ("PATTERN («PATTERN» (a=A) -> b=B)", "does not stand in another", "parentheses alone"),
    ("PATTERN («(»SELECT x FROM A) -> b=B)", "", ""),
    ("PATTERN ((«SELECT» x FROM A) -> b=B)", "subqueries", "INSERT INTO Inner"),
    // counts
    ("PATTERN (a=A«{0}»)", "the count takes no row", "{0,1}"),
    ("PATTERN (a=A«{,0}»)", "the count takes no row", "{0,1}"),
    ("PATTERN (a=A«{0,0}» -> b=B)", "the count takes no row", "remove the term"),
    ("PATTERN (a=A«{5,2}»)", "more rows at least than at most", "write {2,5}"),
    ("PATTERN (a=A{«}»)", "expected a number of rows, found '}'", "write {2}, {2,5}"),
    ("PATTERN (a=A{,«}»)", "expected a number of rows, found '}'", "write {2}, {2,5}"),
    ("PATTERN (a=A{«-»1})", "expected a number of rows, found '-'", "write {2}, {2,5}"),
    ("PATTERN (a=A{«n»})", "expected a number of rows, found 'n'", "write {2}, {2,5}"),
    ("PATTERN (a=A{«2.5»})", "expected a whole number, found '2.5'", "write {2}, {2,5}"),
    ("PATTERN (a=A{«2L»})", "expected a whole number, found '2L'", "write {2}, {2,5}"),
    ("PATTERN (a=A{2«:»5})", "expected '}', found ':'", "write {2}, {2,5}"),
    ("PATTERN (a=A{2,5«,»6})", "expected '}', found ','", "write {2}, {2,5}"),
    ("PATTERN (a=A{2,«n»})", "expected a number or '}', found 'n'", "write {2}, {2,5}"),
    ("PATTERN (a=A{2«»", "expected '}', found the end", "write {2}, {2,5}"),
    ("PATTERN (a=A{«1000001»})", "at most 1000000 (PATTERN_COUNT_MAX)", "write {2,}"),
    ("PATTERN (a=A{1,«99999999999999999999»})", "at most 1000000 (PATTERN_COUNT_MAX)", "write {2,}"),
    ("PATTERN (a=A{2}«+»)", "two counts", "remove one"),
    ("PATTERN (a=A+«?» -> b=B)", "two counts", "remove one"),
    ("PATTERN (a=A{2}«{»3})", "two counts", "remove one"),
    ("PATTERN (a=A{2}«[»x > 1])", "right behind its stream", "move it"),
    ("PATTERN (a=A«<»2:5> -> b=B)", "a count stands in braces", "write {2,5}"),
    ("PATTERN (a=A«<»2:> -> b=B)", "a count stands in braces", "write {2,}"),
    ("PATTERN (a=A«<»:5> -> b=B)", "a count stands in braces", "write {,5}"),
    ("PATTERN (a=A[x > 1]«<»3> -> b=B)", "a count stands in braces", "write {3}"),
    ("PATTERN (a=A«<»:> -> b=B)", "a count stands in braces", "write {2}, {2,5}"),
    ("PATTERN (a=A«<»x -> b=B)", "a count stands in braces", "write {2}, {2,5}"),
    ("PATTERN ((a=A -> b=B)«{»2})", "a count stands behind one stream", "as often as it must come"),
    ("PATTERN ((a=A OR b=B)«+»)", "a count stands behind one stream", "as often as it must come"),
    ("PATTERN ((a=A -> b=B)«<»2:5>)", "a count stands behind one stream", "as often as it must come"),
    ("PATTERN (a=A)«{»2}", "a count stands behind one stream", ""),
    // NOT and FOR
    ("PATTERN (NOT «b»=B FOR 5 SECONDS)", "has no name", "remove the name"),
    ("PATTERN («b»=NOT B FOR 5 SECONDS)", "has no name", "remove the name"),
    ("PATTERN (NOT B«{»2} FOR 5 SECONDS)", "has no count", "remove the count"),
    ("PATTERN (NOT B FOR 5 SECONDS«+»)", "has no count", "remove the count"),
    ("PATTERN (NOT «(»A OR B))", "NOT stands in front of one stream", "NOT A AND NOT B"),
    ("PATTERN (NOT «NOT» A AND b=B)", "NOT stands in front of one stream", ""),
    ("PATTERN (NOT «EVERY» A FOR 5 SECONDS)", "EVERY stands in front of NOT", "EVERY NOT A"),
    ("PATTERN (a=A «FOR» 5 SECONDS)", "FOR belongs to NOT", "write NOT A FOR 5 SECONDS"),
    ("PATTERN (NOT A FOR 5 SECONDS «FOR» 6 SECONDS)", "FOR is given twice", "remove one"),
    ("PATTERN (NOT A FOR 5 SECONDS«[»x > 1])", "right behind its stream", "move it"),
    ("PATTERN (NOT A FOR «5»)", "no unit", "write FOR 5 SECONDS"),
    ("PATTERN (NOT A FOR «ever»)", "expected a duration, found 'ever'", "write FOR 5 SECONDS"),
    ("PATTERN (NOT A «FOR 0 SECONDS»)", "for no time", "longer than 0"),
    ("PATTERN (NOT A FOR 5 «sec»)", "unknown unit of time 'sec'", "write SECONDS"),
    ("PATTERN (NOT «->» B)", "expected the name of a stream, found '->'", ""),
    // groups, EVERY, AND, OR
    ("PATTERN (EVERY «EVERY» a=A)", "EVERY is given twice", "remove one"),
    ("PATTERN (a=A AND «EVERY» b=B)", "EVERY stands in front of the whole", "EVERY (a=A AND b=B)"),
    ("PATTERN (a=A OR «EVERY» (b=B -> c=C))", "EVERY stands in front of the whole", "EVERY (a=A AND b=B)"),
    ("PATTERN (a=A AND «(b=B -> c=C)»)", "a side of AND or OR is one term", "into a stream"),
    ("PATTERN («(EVERY b=B)» OR c=C)", "a side of AND or OR is one term", "into a stream"),
    ("PATTERN (EVERY «(a=A, b=B)» AND c=C)", "a side of AND or OR is one term", "into a stream"),
    ("PATTERN (a=A «WITHIN 5 SECONDS» AND b=B)", "WITHIN bounds the whole", "behind the last side"),
    ("PATTERN (a=A WITHIN 5 SECONDS «WITHIN» 6 SECONDS)", "WITHIN is given twice", "remove one"),
    ("PATTERN («g»=(a=A -> b=B))", "a part in parentheses has no name", "name its terms"),
    ("PATTERN ((a=A -> b=B)«[»x > 1])", "a filter in brackets stands behind one stream", "B[x > e1.x]"),
    ("PATTERN (a=A «EVERY» b=B)", "found 'EVERY'", "write -> in front"),
    ("PATTERN (a=A -> b=B «EMIT» TIMEOUT INTO X)", "EMIT stands behind the parentheses", "move it"),
    ("PATTERN (EVERY a=A -> b=B «after» MATCH SKIP TO NEXT ROW)", "AFTER stands behind the parentheses", "move it"),
    // clauses
    ("PATTERN (a=A) WITHIN «5»", "no unit", "write WITHIN 5 SECONDS"),
    ("PATTERN (a=A) WITHIN 5 «sec»", "unknown unit of time 'sec'", "write SECONDS"),
    ("PATTERN (a=A) WITHIN «(»5 SECONDS)", "expected a duration", "write WITHIN 5 SECONDS"),
    ("PATTERN (a=A) WITHIN 5 SECONDS «WITHIN» 6 SECONDS", "WITHIN is given twice", "remove one"),
    ("PATTERN (a=A) «EMIT TIMEOUT INTO X»", "nothing times out", "write WITHIN 5 SECONDS"),
    ("PATTERN (a=A) «EMIT TIMEOUT INTO X» WITHIN 5 SECONDS", "nothing times out", "before EMIT TIMEOUT"),
    ("PATTERN (a=A) WITHIN 5 SECONDS EMIT «INTO» X", "expected TIMEOUT", "EMIT TIMEOUT INTO"),
    ("PATTERN (a=A) WITHIN 5 SECONDS EMIT TIMEOUT «X»", "expected INTO", ""),
    ("PATTERN (a=A) WITHIN 5 SECONDS EMIT TIMEOUT INTO «WHERE» x", "the stream to insert timeouts into", ""),
    ("PATTERN (a=A) WITHIN 5 SECONDS EMIT TIMEOUT INTO X «EMIT» TIMEOUT INTO Y", "EMIT is given twice", "remove one"),
    ("PATTERN (EVERY a=A) AFTER MATCH SKIP PAST LAST ROW «WITHIN» 5 SECONDS", "stand in this order", "in front of the clause before"),
    ("PATTERN (EVERY a=A) AFTER MATCH SKIP PAST LAST ROW «AFTER» MATCH SKIP PAST LAST ROW", "AFTER is given twice", "remove one"),
    ("PATTERN (EVERY a=A) AFTER «SKIP» PAST LAST ROW", "expected MATCH, found 'SKIP'", "SKIP PAST LAST ROW or SKIP TO NEXT ROW"),
    ("PATTERN (EVERY a=A) AFTER MATCH «PAST» LAST ROW", "expected SKIP, found 'PAST'", "SKIP PAST LAST ROW or SKIP TO NEXT ROW"),
    ("PATTERN (EVERY a=A) «AFTER MATCH SKIP TO LAST» a", "this way of going on is not supported", "SKIP PAST LAST ROW or SKIP TO NEXT ROW"),
    ("PATTERN (EVERY a=A) «AFTER MATCH SKIP TO a»", "this way of going on is not supported", "SKIP PAST LAST ROW or SKIP TO NEXT ROW"),
    ("PATTERN (EVERY a=A) AFTER MATCH SKIP «PAST» ROW", "expected PAST LAST ROW or TO NEXT ROW", "SKIP PAST LAST ROW"),
    ("PATTERN (a=A -> b=B) «AFTER MATCH SKIP TO NEXT ROW»", "matches once", "write EVERY"),
    ("PATTERN (a=A -> (b=B, c=C)) «AFTER MATCH SKIP PAST LAST ROW» WHERE a.x", "matches once", "write EVERY"),
    ("PATTERN (a=A) «WINDOW»('length', 5)", "a pattern has no window", "put the window there"),
    ("PATTERN (a=A) WHERE a.x «WINDOW»('length', 5)", "a pattern has no window", "put the window there"),
    ("PATTERN (a=A) «AS» p", "a pattern has no alias", "remove it"),
    ("PATTERN (a=A) «[»x > 1]", "behind a stream of the pattern", "write WHERE"),
    ("PATTERN (a=A) «UNIDIRECTIONAL»", "a pattern cannot be joined", "join that"),
    ("PATTERN (a=A) «JOIN» B ON a.x = B.x", "a pattern cannot be joined", "join that"),
    ("PATTERN (a=A) WITHIN 5 SECONDS «LEFT» JOIN B ON a.x = B.x", "a pattern cannot be joined", "join that"),
    ("PATTERN (a=A)«,» B", "a pattern cannot be joined", "join that"),
    ("B JOIN «PATTERN» (a=A) ON a.x = B.x", "a pattern cannot be joined", "join that"),
    ("PATTERN (a=A) «->» b=B", "whole in parentheses", "write FROM PATTERN (e1=A -> e2=B)"),
    ("PATTERN (a=A) «AND» b=B", "whole in parentheses", "write FROM PATTERN (e1=A -> e2=B)"),
    ("PATTERN (a=A) WHERE a.x «WITHIN» 5 SECONDS", "stand behind the parentheses", "in front of the first clause"),
    ("PATTERN (EVERY a=A) LIMIT 1 «AFTER» MATCH SKIP TO NEXT ROW", "stand behind the parentheses", "in front of the first clause"),
    ("PATTERN (a=A) «p» WHERE p.x", "expected WITHIN, WHERE, GROUP BY", ""),
    ("PATTERN (a=A) «WHRE» a.x", "found 'WHRE'", "did you mean 'WHERE'?"),
    ("PATTERN (a=A) «WITIHN» 5 SECONDS", "found 'WITIHN'", "did you mean 'WITHIN'?"),
    ("PATTERN (a=A) OUTPUT EVERY «0» EVENTS", "a rate limit counts at least one row", ""),
    // without PATTERN or parentheses
    ("«every» (e1=A -> e2=B) within 5 seconds", "whole in parentheses", "write FROM PATTERN (e1=A -> e2=B)"),
    ("«every» e1=A -> e2=B", "whole in parentheses", "write FROM PATTERN"),
    ("«every» A -> B", "whole in parentheses", "write FROM PATTERN"),
    ("«e1»=A[x > 1] -> e2=B", "whole in parentheses", "write FROM PATTERN"),
    ("A[x > 1] «->» B", "whole in parentheses", "write FROM PATTERN"),
    ("«not» A for 5 seconds", "whole in parentheses", "write FROM PATTERN"),
    ("«PATTERN» EVERY (e1=A -> e2=B)", "whole in parentheses", "write FROM PATTERN"),
    ("«PATTERN» e1=A -> e2=B", "whole in parentheses", "write FROM PATTERN"),
    ("«SEQUENCE» NOT A FOR 5 SECONDS", "whole in parentheses", "write FROM PATTERN"),
    ("A «MATCH_RECOGNIZE» (PATTERN (X Y))", "found 'MATCH_RECOGNIZE'", "write FROM PATTERN (EVERY e1=A"),
];

/// Wrong texts that are whole.
#[rustfmt::skip]
pub(super) const BAD: &[(&str, &str, &str)] = &[
    ("INSERT INTO O SELECT «e[0]» FROM PATTERN (e=A+)", "an index belongs to a term of a pattern, and an attribute behind it", "write e[0].x"),
    ("INSERT INTO O SELECT «e[last]» IS NULL FROM PATTERN (e=A+)", "an attribute behind it", "write e[0].x"),
    ("INSERT INTO O SELECT «e.x[»0] FROM PATTERN (e=A+)", "an index belongs to a term", "write e[0].x"),
    ("INSERT INTO O SELECT «upper(x)[»0] FROM PATTERN (e=A+)", "an index belongs to a term", "write e[0].x"),
    ("INSERT INTO O SELECT e[«]».x FROM PATTERN (e=A+)", "expected a number or LAST, found ']'", "write e[0].x, e[last].x"),
    ("INSERT INTO O SELECT e[«n»].x FROM PATTERN (e=A+)", "expected a number or LAST, found 'n'", "write e[0].x, e[last].x"),
    ("INSERT INTO O SELECT e[«first»].x FROM PATTERN (e=A+)", "expected a number or LAST, found 'first'", "write e[0].x"),
    ("INSERT INTO O SELECT e[«-»1].x FROM PATTERN (e=A+)", "expected a number or LAST, found '-'", "e[last].x"),
    ("INSERT INTO O SELECT e[«1.5»].x FROM PATTERN (e=A+)", "expected a whole number", "write e[0].x"),
    ("INSERT INTO O SELECT e[«'a'»].x FROM PATTERN (e=A+)", "expected a number or LAST", "write e[0].x"),
    ("INSERT INTO O SELECT e[1«+»1].x FROM PATTERN (e=A+)", "expected ']', found '+'", "write e[0].x"),
    ("INSERT INTO O SELECT e[last«+»1].x FROM PATTERN (e=A+)", "expected ']', found '+'", "e[last-1].x"),
    ("INSERT INTO O SELECT e[last-«n»].x FROM PATTERN (e=A+)", "expected a number, found 'n'", "e[last-1].x"),
    ("INSERT INTO O SELECT e[«1001»].x FROM PATTERN (e=A+)", "at most 1000 (PATTERN_INDEX_MAX)", "e[last].x"),
    ("INSERT INTO O SELECT e[last-«99999999999»].x FROM PATTERN (e=A+)", "at most 1000 (PATTERN_INDEX_MAX)", "aggregate"),
    ("INSERT INTO O SELECT e[0].«5» FROM PATTERN (e=A+)", "", ""),
    ("INSERT INTO O SELECT e[0].x«.»y FROM PATTERN (e=A+)", "at most one dot", "write e[0].x"),
    ("UPDATE T SET v = 1 FROM PATTERN (a=A) «p» WHERE TRUE", "expected WITHIN or WHERE, found 'p'", "T.key = S.key"),
    ("DELETE FROM T USING PATTERN (a=A) «JOIN» B ON TRUE WHERE TRUE", "a pattern cannot be joined", "join that"),
    ("UPSERT INTO T SELECT a.x FROM PATTERN (a=A) WHERE a.x «WITHIN» 5 SECONDS ON TRUE", "stand behind the parentheses", "first clause"),
];

#[test]
fn good_patterns_are_read() {
    check_good(GOOD);
}

#[test]
fn wrong_patterns_name_place_and_remedy() {
    check_bad(BAD);
    for (marked, message, remedy) in BAD_PATTERNS {
        let marked = format!("INSERT INTO O SELECT * FROM {marked}");
        check_bad(&[(&marked, message, remedy)]);
    }
}

#[test]
fn a_pattern_knows_its_places() {
    let text = "INSERT INTO O SELECT e[last-1].x FROM PATTERN (EVERY (a=A[x] AND NOT B FOR 5 SECONDS) WITHIN 1 HOUR -> \
                (e=C {2,} , d=D)) WITHIN 2 HOURS EMIT TIMEOUT INTO Late AFTER MATCH SKIP PAST LAST ROW WHERE d.x";
    let app = read(text);
    let Statement::Query(q) = &app.statements[0] else {
        panic!("a query")
    };
    let written = |span: Span| &text[span.range()];
    let pattern = q.pattern.as_ref().expect("a pattern");
    let end = text.find(" WHERE").expect("it ends there");
    let start = text.find("PATTERN").expect("it begins there");
    assert_eq!(written(pattern.span), &text[start..end]);
    assert_eq!(
        written(pattern.within.expect("a bound").1),
        "WITHIN 2 HOURS"
    );
    let skip = pattern.skip_past.expect("a clause");
    assert_eq!(written(skip), "AFTER MATCH SKIP PAST LAST ROW");
    let [first, second] = pattern.chain.as_slice() else {
        panic!("two steps")
    };
    let whole = "EVERY (a=A[x] AND NOT B FOR 5 SECONDS) WITHIN 1 HOUR";
    assert_eq!(written(first.span), whole);
    assert_eq!(written(first.every.expect("a word")), "EVERY");
    assert_eq!(written(first.within.expect("a bound").1), "WITHIN 1 HOUR");
    let Unit::Logical(Logical::And(sides)) = &first.unit else {
        panic!("both: {first:?}")
    };
    let [Logical::Term(present), Logical::Term(absent)] = sides.as_slice() else {
        panic!("two terms")
    };
    assert_eq!(written(present.span), "a=A[x]");
    assert_eq!(written(absent.span), "NOT B FOR 5 SECONDS");
    assert_eq!(written(absent.absent.expect("a word")), "NOT");
    assert_eq!(written(absent.silence.expect("a time").1), "FOR 5 SECONDS");
    let Unit::Group(chain) = &second.unit else {
        panic!("a group: {second:?}")
    };
    let Unit::Logical(Logical::Term(counted)) = &chain[0].unit else {
        panic!("a term")
    };
    assert_eq!(written(counted.count.expect("a count").span), "{2,}");
    assert_eq!((present.source, absent.source, counted.source), (0, 1, 2));
    let SelectItem::Expr { expr, .. } = &q.select[0] else {
        panic!("an expression")
    };
    assert_eq!(written(expr.span), "e[last-1].x");
}

#[test]
fn patterns_are_bounded() {
    let select = |chain: String| format!("INSERT INTO O SELECT * FROM PATTERN ({chain})");
    let refused = |text: String, message: &str| {
        let (_, faults) = parse(&text);
        let told = faults.iter().any(|f| f.message.contains(message));
        let start: String = text.chars().take(60).collect();
        assert!(told && faults.len() == 1, "{start}: {faults:?}");
    };
    for link in [" -> A", ", A", " AND A", " OR NOT A", " -> (A, A)"] {
        let terms = link.matches('A').count().min(2);
        let terms = if link.contains("AND") { 1 } else { terms };
        let fits = (PATTERN_TERMS_MAX - 1) / terms;
        read(&select("A".to_string() + &link.repeat(fits)));
        refused(
            select("A".to_string() + &link.repeat(fits + 1)),
            "PATTERN_TERMS_MAX",
        );
        refused(
            select("A".to_string() + &link.repeat(10_000)),
            "PATTERN_TERMS_MAX",
        );
    }
    let fits = NESTING_LEVELS_MAX - 2;
    for (open, close) in [("(", ")"), ("EVERY (", ")"), ("(", " WITHIN 1 DAY)")] {
        read(&select(open.repeat(fits) + "A" + &close.repeat(fits)));
        let deep = select(open.repeat(fits + 2) + "A" + &close.repeat(fits + 2));
        refused(deep, "nests deeper");
    }
    for open in [
        "(", "EVERY (", "A -> (", "A AND (", "A[(", "NOT (", "a=(", "EVERY ",
    ] {
        let (_, faults) = parse(&select(open.repeat(30_000)));
        assert_eq!(faults.len(), 1, "{open}: {faults:?}");
    }
}
