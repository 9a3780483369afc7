//! Operators, literals, CASE and CAST.

use super::{check, typed};

#[test]
fn literals_take_the_type_of_their_context() {
    check(&[
        ("i + 5", "INT 12"),
        ("i + 3000000000", "LONG 3000000007"),
        ("i * 1.0", "DOUBLE 7.0"),
        ("l + 5", "LONG 75"),
        ("l * 0.5", "DOUBLE 35.0"),
        ("f + 1", "FLOAT 1.1"),
        ("f * 0.5", "FLOAT 0.05"),
        ("d + 1", "DOUBLE 3.5"),
        ("i + l", "LONG 77"),
        ("i + f", "FLOAT 7.1"),
        ("f + d > 2.5", "BOOL true"),
        ("2 + 3", "LONG 5"),
        ("i + (2 + 3)", "INT 12"),
        ("i + -5", "INT 2"),
        ("i + CAST(5 AS LONG)", "LONG 12"),
        ("i = 7.0", "BOOL true"),
        ("i > 6.5", "BOOL true"),
        ("i < 3000000000", "BOOL true"),
        ("f = 0.1", "BOOL true"),
        ("0.1 = f", "BOOL true"),
        ("CAST(f AS DOUBLE) = 0.1", "BOOL false"),
        ("f < 1e300", "BOOL true"),
        ("coalesce(ni, 5)", "INT 5"),
        ("coalesce(ni, 5.5)", "DOUBLE 5.5"),
        ("coalesce(nd, 5)", "DOUBLE 5.0"),
        ("i IN (7, 8)", "BOOL true"),
        ("i IN (7.5, 7)", "BOOL true"),
        ("i BETWEEN 6.5 AND 7", "BOOL true"),
        ("CASE WHEN b THEN 1 ELSE i END", "INT 1"),
        ("NULL", "untyped NULL"),
        ("NULL + 1", "LONG NULL"),
        ("-NULL", "untyped NULL"),
        ("NULL = 1", "BOOL NULL"),
        ("NULL = NULL", "BOOL NULL"),
        ("\"i\" + 1", "INT 8"),
        ("\"text\"", "STRING text"),
        ("count(i) + 1", "LONG 4"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("imax + 1", "INT NULL!"),
        ("imax + l", "LONG 2147483717"),
        ("imin - 1", "INT NULL!"),
        ("-imin", "INT NULL!"),
        ("imax * 2", "INT NULL!"),
        ("lmax + 1", "LONG NULL!"),
        ("-lmin", "LONG NULL!"),
        ("lmax * lmax", "LONG NULL!"),
        ("9223372036854775807 + 1", "LONG NULL!"),
        ("i / 2", "DOUBLE 3.5"),
        ("i / zero", "DOUBLE NULL!"),
        ("1 / 0", "DOUBLE NULL!"),
        ("i % zero", "INT NULL!"),
        ("d % 0", "DOUBLE NULL!"),
        ("-7 % 3", "LONG -1"),
        ("7 % -3", "LONG 1"),
        ("lmin % -1", "LONG 0"),
        ("imin % -1", "INT 0"),
        ("-7.5 % 2", "DOUBLE -1.5"),
        ("dmax * 2", "DOUBLE NULL!"),
        ("dmax * 1e10", "DOUBLE NULL!"),
        ("fmax * 2", "FLOAT NULL!"),
        ("0.0 * -1", "DOUBLE 0.0"),
        ("-0.0", "DOUBLE 0.0"),
        ("ni + 1", "INT NULL"),
        ("1 - nl", "LONG NULL"),
        ("d * nd", "DOUBLE NULL"),
        ("-nd", "DOUBLE NULL"),
        ("ni / zero", "DOUBLE NULL"),
        ("lmin - nl", "LONG NULL"),
        ("s + 1", "fault: + takes numbers, not STRING"),
        ("b * 2", "fault: * takes numbers, not BOOL"),
    ]);
}

#[test]
fn three_valued_logic() {
    check(&[
        ("nb AND FALSE", "BOOL false"),
        ("nb AND TRUE", "BOOL NULL"),
        ("nb OR TRUE", "BOOL true"),
        ("nb OR FALSE", "BOOL NULL"),
        ("FALSE AND nb", "BOOL false"),
        ("NOT nb", "BOOL NULL"),
        ("NOT b", "BOOL false"),
        ("NULL AND FALSE", "BOOL false"),
        ("i > ni", "BOOL NULL"),
        ("ns = 'a'", "BOOL NULL"),
        ("ni IS NULL", "BOOL true"),
        ("i IS NULL", "BOOL false"),
        ("i IS NOT NULL", "BOOL true"),
        ("NULL IS NULL", "BOOL true"),
        ("i IN (1, NULL)", "BOOL NULL"),
        ("i IN (7, NULL)", "BOOL true"),
        ("i NOT IN (1, NULL)", "BOOL NULL"),
        ("i NOT IN (1, 2)", "BOOL true"),
        ("ni IN (1)", "BOOL NULL"),
        ("s IN ('x', s)", "BOOL true"),
        ("i BETWEEN 1 AND NULL", "BOOL NULL"),
        ("i BETWEEN 8 AND NULL", "BOOL false"),
        ("i NOT BETWEEN 8 AND NULL", "BOOL true"),
        ("b = TRUE", "BOOL true"),
        ("b != nb", "BOOL NULL"),
        ("'b' > 'a'", "BOOL true"),
        ("'é' > 'z'", "BOOL true"),
        ("150 > l", "BOOL true"),
        ("s LIKE 'a%b'", "BOOL true"),
        ("s LIKE 'a_b'", "BOOL true"),
        ("s NOT LIKE 'b%'", "BOOL true"),
        ("s LIKE ns", "BOOL NULL"),
        ("s LIKE s", "BOOL true"),
        ("ns LIKE '%'", "BOOL NULL"),
        ("zero != 0 AND i / zero > 1", "BOOL false"),
        ("zero = 0 OR i / zero > 1", "BOOL true"),
        ("nb AND i / zero > 1", "BOOL NULL!"),
    ]);
}

#[test]
fn case() {
    check(&[
        ("CASE WHEN i > 5 THEN 'big' ELSE 'small' END", "STRING big"),
        ("CASE WHEN ni > 5 THEN 'big' END", "STRING NULL"),
        ("CASE i WHEN 1 THEN 'a' WHEN 7 THEN 'b' END", "STRING b"),
        ("CASE ni WHEN NULL THEN 'a' ELSE 'b' END", "STRING b"),
        ("CASE 7 WHEN i THEN d END", "DOUBLE 2.5"),
        ("CASE WHEN b THEN i ELSE d END", "DOUBLE 7.0"),
        ("CASE WHEN b THEN NULL ELSE d END", "DOUBLE NULL"),
        ("CASE WHEN b THEN NULL END", "untyped NULL"),
        ("CASE WHEN zero = 0 THEN 0 ELSE i / zero END", "DOUBLE 0.0"),
        (
            "CASE WHEN nb THEN 1 WHEN b THEN CASE WHEN i = 7 THEN l ELSE 1 / 0 END END",
            "DOUBLE 70.0",
        ),
        ("CASE WHEN i THEN 1 END", "fault: WHEN takes BOOL, not INT"),
        (
            "CASE WHEN b THEN 1 ELSE 'x' END",
            "fault: CASE: LONG and STRING have no common type",
        ),
        (
            "CASE i WHEN 'a' THEN 1 END",
            "fault: CASE cannot compare INT with STRING",
        ),
    ]);
}

#[test]
fn casts() {
    check(&[
        ("CAST(2.9 AS INT)", "INT 2"),
        ("CAST(-2.9 AS INT)", "INT -2"),
        ("CAST(d AS LONG)", "LONG 2"),
        ("CAST(l AS INT)", "INT 70"),
        ("CAST(lmax AS INT)", "INT NULL!"),
        ("CAST(dmax AS INT)", "INT NULL!"),
        ("CAST(2147483647.5 AS INT)", "INT 2147483647"),
        ("CAST(2147483648.0 AS INT)", "INT NULL!"),
        ("CAST(9223372036854775808.0 AS LONG)", "LONG NULL!"),
        (
            "CAST(-9223372036854775808.0 AS LONG)",
            "LONG -9223372036854775808",
        ),
        ("CAST(dmax AS FLOAT)", "FLOAT NULL!"),
        ("CAST('12' AS INT)", "INT 12"),
        ("CAST(' -12 ' AS LONG)", "LONG -12"),
        ("CAST('12.5' AS INT)", "INT NULL!"),
        ("CAST('x' AS DOUBLE)", "DOUBLE NULL!"),
        ("CAST('inf' AS DOUBLE)", "DOUBLE NULL!"),
        ("CAST('NaN' AS FLOAT)", "FLOAT NULL!"),
        ("CAST('-0' AS DOUBLE)", "DOUBLE 0.0"),
        ("CAST('1e3' AS DOUBLE)", "DOUBLE 1000.0"),
        ("CAST('' AS INT)", "INT NULL!"),
        ("CAST('YES' AS BOOL)", "BOOL true"),
        ("CAST('0' AS BOOL)", "BOOL false"),
        ("CAST('maybe' AS BOOL)", "BOOL NULL!"),
        ("CAST(i AS BOOL)", "BOOL true"),
        ("CAST(zero AS BOOL)", "BOOL false"),
        ("CAST(b AS INT)", "INT 1"),
        ("CAST(b AS STRING)", "STRING true"),
        ("CAST(5 AS STRING)", "STRING 5"),
        ("CAST(5.0 AS STRING)", "STRING 5.0"),
        ("CAST(f AS STRING)", "STRING 0.1"),
        ("CAST(1e21 AS STRING)", "STRING 1e21"),
        ("CAST(ns AS INT)", "INT NULL"),
        ("CAST(ni AS STRING)", "STRING NULL"),
        ("CAST(NULL AS INT)", "INT NULL"),
        ("cast(i, 'double')", "DOUBLE 7.0"),
        ("convert('3', 'INT')", "INT 3"),
        (
            "convert(i, s)",
            "fault: argument 2 of convert is STRING, not the name of a type",
        ),
        ("convert(i, 'duoble')", "fault: unknown type 'duoble'"),
    ]);
}

#[test]
fn comparisons_that_are_faults() {
    check(&[
        ("s = 1", "fault: = cannot compare STRING with LONG"),
        ("i > 'a'", "fault: > cannot compare INT with STRING"),
        ("b = 1", "fault: = cannot compare BOOL with LONG"),
        ("b > b", "fault: > does not order BOOL"),
        ("b BETWEEN b AND b", "fault: BETWEEN does not order BOOL"),
        ("i IN (1, 'a')", "fault: IN cannot compare INT with STRING"),
        ("i AND b", "fault: AND takes BOOL, not INT"),
        ("NOT s", "fault: NOT takes BOOL, not STRING"),
        ("s LIKE 1", "fault: argument 2 of like is LONG, not STRING"),
        ("xyz", "fault: unknown attribute 'xyz'"),
    ]);
}

#[test]
fn every_pair_is_compared_as_it_stands_alone() {
    check(&[
        // LONG and DOUBLE by their exact values
        ("lmax = 9223372036854775807.0", "BOOL false"),
        ("lmax < 9223372036854775808.0", "BOOL true"),
        ("9223372036854775808.0 > lmax", "BOOL true"),
        ("lmin = -9223372036854775808.0", "BOOL true"),
        ("l + 9007199254740923 = 9007199254740992.0", "BOOL false"),
        ("l + 9007199254740923 > d + 9007199254740989.5", "BOOL true"),
        ("l > 69.5", "BOOL true"),
        ("-l < -69.5", "BOOL true"),
        (
            "CAST(16777217 AS INT) = CAST(16777216 AS FLOAT)",
            "BOOL false",
        ),
        (
            "CAST(16777217 AS LONG) = CAST(16777216 AS FLOAT)",
            "BOOL false",
        ),
        ("i = CAST(7 AS FLOAT)", "BOOL true"),
        // one decimal does not round the others
        ("lmax IN (9223372036854775806, 1.5)", "BOOL false"),
        ("lmax IN (9223372036854775807, 1.5)", "BOOL true"),
        ("lmax BETWEEN 0.5 AND 9223372036854775806", "BOOL false"),
        ("lmax NOT IN (9223372036854775806, d)", "BOOL true"),
        ("f IN (0.1, 16777217)", "BOOL true"),
        ("f IN (d, 0.1)", "BOOL true"),
        ("f IN (d, CAST(0.1 AS DOUBLE))", "BOOL false"),
        ("0.1 IN (d, f)", "BOOL true"),
        ("5 IN (i, 5.0)", "BOOL true"),
        ("f BETWEEN 0.1 AND l", "BOOL true"),
        ("i IN (NULL, 7.5, l, 7)", "BOOL true"),
        ("NULL IN (1, 2.5)", "BOOL NULL"),
        (
            "CASE lmax WHEN 9223372036854775806 THEN 'a' WHEN 0.5 THEN 'b' ELSE 'c' END",
            "STRING c",
        ),
        (
            "CASE lmax WHEN i / zero THEN 'a' WHEN 9223372036854775807 THEN 'b' END",
            "STRING b!",
        ),
        (
            "CASE f WHEN 1 / 4 THEN 'a' WHEN 0.1 THEN 'b' END",
            "STRING b",
        ),
        ("CASE 0.1 WHEN d THEN 'a' WHEN f THEN 'b' END", "STRING b"),
    ]);
}

#[test]
fn all_faults_are_reported() {
    let text = "(x1 + 1 > 2 AND s = 1) OR upperr(x2) = 'A'";
    let faults = typed(text).map(|_| ()).unwrap_err();
    let messages: Vec<&str> = faults.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "unknown attribute 'x1'",
            "= cannot compare STRING with LONG",
            "unknown attribute 'x2'",
            "unknown function 'upperr'",
        ]
    );
    assert_eq!(faults[3].remedy.as_deref(), Some("did you mean 'upper'?"));
    assert_eq!(&text[faults[1].span.range()], "1");
}
