//! Every function of the catalogue.

use super::{check, typed, typed_with};
use crate::event::{Timestamp, Type, Value};
use crate::expr::{Frame, Functions, Layout, Program, ScalarFunction};
use std::collections::HashSet;

#[test]
fn numbers() {
    check(&[
        ("abs(-5)", "LONG 5"),
        ("abs(i)", "INT 7"),
        ("abs(imin)", "INT NULL!"),
        ("abs(lmin)", "LONG NULL!"),
        ("abs(f - 1)", "DOUBLE 0.8999999761581421"),
        ("abs(ni)", "INT NULL"),
        ("abs(NULL)", "DOUBLE NULL"),
        ("ceil(2.1)", "DOUBLE 3.0"),
        ("ceil(-0.5)", "DOUBLE 0.0"),
        ("ceil(i)", "INT 7"),
        ("floor(-2.1)", "DOUBLE -3.0"),
        ("floor(l)", "LONG 70"),
        ("round(2.5)", "DOUBLE 3.0"),
        ("round(-2.5)", "DOUBLE -3.0"),
        ("round(0.49999999999999994)", "DOUBLE 0.0"),
        ("round(2.345, 2)", "DOUBLE 2.35"),
        ("round(1.005, 2)", "DOUBLE 1.01"),
        ("round(-1.005, 2)", "DOUBLE -1.01"),
        ("round(1234.5, -2)", "DOUBLE 1200.0"),
        ("round(1250.0, -2)", "DOUBLE 1300.0"),
        ("round(1e300, 300)", "DOUBLE 1e300"),
        // large amounts keep every digit that they print
        ("round(123456789012345.65, 1)", "DOUBLE 123456789012345.7"),
        ("round(-35184372088832.127, 2)", "DOUBLE -35184372088832.13"),
        ("round(9007199254740993.0, -1)", "DOUBLE 9007199254740990.0"),
        ("round(1e22, -22)", "DOUBLE 1e22"),
        ("round(5e22, -23)", "DOUBLE 1e23"),
        ("round(4e22, -23)", "DOUBLE 0.0"),
        ("round(CAST('1.5e-30' AS DOUBLE), 30)", "DOUBLE 2e-30"),
        ("trunc(123456789012345.67, 1)", "DOUBLE 123456789012345.6"),
        ("trunc(CAST('1.9e-30' AS DOUBLE), 30)", "DOUBLE 1e-30"),
        ("round(dmax, -308)", "DOUBLE NULL!"),
        ("round(dmax, lmax)", "DOUBLE 1.7976931348623157e308"),
        ("round(dmax, lmin)", "DOUBLE 0.0"),
        ("round(dmax, -400)", "DOUBLE 0.0"),
        ("round(1250, -2)", "LONG 1300"),
        ("round(-1250, -2)", "LONG -1300"),
        ("round(i, 2)", "INT 7"),
        ("round(i, -1)", "INT 10"),
        ("round(imax, -1)", "INT NULL!"),
        ("round(lmax, -1)", "LONG NULL!"),
        ("round(lmax, -40)", "LONG 0"),
        ("trunc(2.9)", "DOUBLE 2.0"),
        ("truncate(-2.99, 1)", "DOUBLE -2.9"),
        ("trunc(0.29, 2)", "DOUBLE 0.29"),
        ("trunc(1299, -2)", "LONG 1200"),
        ("trunc(imax, -1)", "INT 2147483640"),
        ("sign(-3)", "INT -1"),
        ("sign(0.0)", "INT 0"),
        ("sign(d)", "INT 1"),
        ("sign(nd)", "INT NULL"),
        ("sqrt(9)", "DOUBLE 3.0"),
        ("sqrt(-1)", "DOUBLE NULL!"),
        ("exp(0)", "DOUBLE 1.0"),
        ("exp(1000)", "DOUBLE NULL!"),
        ("ln(1)", "DOUBLE 0.0"),
        ("ln(0)", "DOUBLE NULL!"),
        ("log(1)", "DOUBLE 0.0"),
        ("log(2, 8)", "DOUBLE 3.0"),
        ("log(10, 1000)", "DOUBLE 3.0"),
        ("log(1, 5)", "DOUBLE NULL!"),
        ("log(0, 5)", "DOUBLE NULL!"),
        ("log(-2, 5)", "DOUBLE NULL!"),
        ("log(2, 0)", "DOUBLE NULL!"),
        ("log10(1000)", "DOUBLE 3.0"),
        ("power(2, 10)", "DOUBLE 1024.0"),
        ("POW(2, 0.5) = sqrt(2)", "BOOL true"),
        ("power(-8, 0.5)", "DOUBLE NULL!"),
        ("mod(i, 4)", "INT 3"),
        ("mod(-7, 4)", "LONG -3"),
        ("mod(i, 0)", "INT NULL!"),
        ("sin(0)", "DOUBLE 0.0"),
        ("cos(0)", "DOUBLE 1.0"),
        ("tan(0)", "DOUBLE 0.0"),
        ("asin(2)", "DOUBLE NULL!"),
        ("acos(1)", "DOUBLE 0.0"),
        ("atan(0)", "DOUBLE 0.0"),
        ("maximum(1, 2.5, 2)", "DOUBLE 2.5"),
        ("maximum(i, ni, l)", "LONG 70"),
        ("maximum(ni, nl)", "LONG NULL"),
        ("minimum(i, 3)", "INT 3"),
        ("minimum(ni, i)", "INT 7"),
        ("minimum(NULL, i)", "INT 7"),
        ("minimum('b', 'a')", "STRING a"),
        (
            "maximum(b, b)",
            "fault: argument 1 of maximum is BOOL, not a number or STRING",
        ),
        ("abs(s)", "fault: argument 1 of abs is STRING, not a number"),
        ("abs(i, i)", "fault: abs takes 1 arguments, not 2"),
        (
            "round(d, d)",
            "fault: argument 2 of round is DOUBLE, not an integer",
        ),
    ]);
}

#[test]
fn pieces_of_texts() {
    check(&[
        (
            "regexp_extract('GET /a/b HTTP', '(\\w+) (\\S+)', 2)",
            "STRING /a/b",
        ),
        ("regexp_extract('GET /a', '\\w+')", "STRING GET"),
        ("regexp_extract('abc', 'x(y)?', 1)", "STRING "),
        ("regexp_extract('x', 'x(y)?', 1)", "STRING "),
        ("regexp_extract('aé日', '(é)(.)', 2)", "STRING 日"),
        ("regexp_extract(s, '(.)', i)", "STRING NULL!"),
        ("regexp_extract(s, concat('(', s), 0)", "STRING NULL!"),
        ("regexp_extract(ns, 'a')", "STRING NULL"),
        ("split_part('a,b,,d', ',', 2)", "STRING b"),
        ("split_part('a,b,,d', ',', 3)", "STRING "),
        ("split_part('a,b,,d', ',', -1)", "STRING d"),
        ("split_part('a,b', ',', 3)", "STRING "),
        ("split_part('a,b', '', 1)", "STRING a,b"),
        ("split_part('a,b', '', 2)", "STRING "),
        ("split_part('a::b', '::', 2)", "STRING b"),
        ("split('a b', ' ', -2)", "STRING a"),
        ("split_part('a', ',', 0)", "STRING NULL!"),
        ("split_part('a', ',', lmin)", "STRING "),
    ]);
}

#[test]
fn values_of_json() {
    check(&[
        (
            "json_value('{\"a\":{\"b\":[1,\"x\\u00e9\"]}}', '$.a.b[1]')",
            "STRING xé",
        ),
        ("json_value('{\"a\":1.50,\"a\":2}', '$.a')", "STRING 1.50"),
        ("json_value('{\"a b\":true}', '$.\"a b\"')", "STRING true"),
        ("json_value('{\"a b\":true}', '$[\"a b\"]')", "STRING true"),
        ("json_value('{\"a\":null}', '$.a')", "STRING NULL"),
        ("json_value('{\"a\":{}}', '$.a')", "STRING NULL"),
        ("json_value('{\"a\":1}', '$.b.c')", "STRING NULL"),
        ("json_value('[1,2]', '$[2]')", "STRING NULL"),
        ("json_value('[1,2]', '$.a')", "STRING NULL"),
        ("json_value('{\"a\":1}', '$[0]')", "STRING NULL"),
        ("json_value('7', '$')", "STRING 7"),
        ("json_value('\"t\"', '$.a')", "STRING NULL"),
        ("json_value('{', '$')", "STRING NULL!"),
        ("json_value('{\"a\":1} x', '$.a')", "STRING NULL!"),
        ("json_value('{}', concat('$.', left(s, 0)))", "STRING NULL!"),
        ("json_value(ns, '$')", "STRING NULL"),
        ("json_extract_string('{\"\":2}', '')", "STRING 2"),
    ]);
}

#[test]
fn patterns_and_paths_are_read_when_the_app_is_built() {
    for (text, message, help) in [
        (
            "regexp_extract(s, '(')",
            "regular expression '(': ",
            "regexp_extract(",
        ),
        (
            "regexp_extract(s, '(a)', 2)",
            "group 2 of a regular expression that has 1",
            "regexp_extract(",
        ),
        (
            "regexp_extract(s, '(a)', -1)",
            "group -1 of",
            "regexp_extract(",
        ),
        (
            "regexp_extract(s, 'a', 'b')",
            "argument 3 of regexp_extract is STRING",
            "regexp_extract(",
        ),
        (
            "split_part(s, ',')",
            "split_part takes 3 arguments, not 2",
            "split_part(",
        ),
        (
            "json_value(s, '$a')",
            "'$a' is no path of JSON",
            "a path such as '$.a.b[0]'",
        ),
        (
            "json_value(s, '$.a[x]')",
            "'$.a[x]' is no path of JSON",
            "a path such as",
        ),
        (
            "json_value(s, '$.')",
            "'$.' is no path of JSON",
            "a path such as",
        ),
        (
            "json_value(i, '$.a')",
            "argument 1 of json_value is INT",
            "json_value(",
        ),
    ] {
        let fault = &typed(text).map(|_| ()).unwrap_err()[0];
        assert!(
            fault.message.starts_with(message),
            "{text}: {}",
            fault.message
        );
        let remedy = fault.remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains(help), "{text}: {remedy}");
    }
}

#[test]
fn texts() {
    check(&[
        ("upper('straße')", "STRING STRASSE"),
        ("upper(s)", "STRING AÑB"),
        ("lower('ÀB')", "STRING àb"),
        ("length(s)", "INT 3"),
        ("char_length('日本')", "INT 2"),
        ("length('')", "INT 0"),
        ("length(ns)", "INT NULL"),
        ("concat('a', 1, TRUE, 2.5)", "STRING a1true2.5"),
        ("concat(s, f, i)", "STRING añb0.17"),
        ("concat('a', ns)", "STRING NULL"),
        ("concat('a', NULL)", "STRING NULL"),
        ("replace('banana', 'an', 'x')", "STRING bxxa"),
        ("replace('banana', '', 'x')", "STRING banana"),
        ("replace(repeat('a', 1000000), 'a', 'bb')", "STRING NULL!"),
        ("trim('  a b ')", "STRING a b"),
        ("ltrim('  a ')", "STRING a "),
        ("rtrim('  a ')", "STRING   a"),
        ("left(s, 2)", "STRING añ"),
        ("left(s, 9)", "STRING añb"),
        ("left(s, -1)", "STRING "),
        ("right(s, 2)", "STRING ñb"),
        ("right(s, 0)", "STRING "),
        ("right(s, lmax)", "STRING añb"),
        ("right(s, lmin)", "STRING "),
        ("reverse(s)", "STRING bña"),
        ("repeat('ab', 3)", "STRING ababab"),
        ("repeat('ab', -3)", "STRING "),
        ("repeat('ab', lmax)", "STRING NULL!"),
        ("repeat('', lmax)", "STRING "),
        ("position('b', s)", "INT 3"),
        ("position('', s)", "INT 1"),
        ("position('x', s)", "INT 0"),
        ("locate('a', 'banana')", "INT 2"),
        ("locate('a', 'banana', 3)", "INT 4"),
        ("locate('a', 'banana', 0)", "INT 0"),
        ("locate('a', 'banana', lmin)", "INT 0"),
        ("locate('a', 'banana', lmax)", "INT 0"),
        ("locate('', 'ab', 3)", "INT 3"),
        ("locate('', 'ab', 4)", "INT 0"),
        ("instr('banana', 'nan')", "INT 3"),
        ("ascii('A')", "INT 65"),
        ("ascii('')", "INT 0"),
        ("ascii('日')", "INT 26085"),
        ("chr(241)", "STRING ñ"),
        ("char(65)", "STRING A"),
        ("chr(-1)", "STRING NULL!"),
        ("chr(55296)", "STRING NULL!"),
        ("substring('hello', 2, 3)", "STRING ell"),
        ("substr(s, 2)", "STRING ñb"),
        ("substring('hello', 0, 2)", "STRING h"),
        ("substring('hello', -1)", "STRING hello"),
        ("substring('hello', 9)", "STRING "),
        ("substring('hello', 2, -1)", "STRING "),
        ("substring('hello', 2, lmax)", "STRING ello"),
        ("substring('hello', lmin, lmax)", "STRING "),
        ("lpad('ab', 4)", "STRING   ab"),
        ("lpad('ab', 5, 'xy')", "STRING xyxab"),
        ("lpad('abcd', 2, 'x')", "STRING ab"),
        ("lpad('ab', 5, '')", "STRING ab"),
        ("rpad('ab', 5, 'xy')", "STRING abxyx"),
        ("rpad('ab', -5)", "STRING "),
        ("rpad('ab', lmax)", "STRING NULL!"),
        ("length(lpad('', 1048576))", "INT 1048576"),
        ("lpad('', 1048577)", "STRING NULL!"),
        ("lpad('', 1048576, 'ñ')", "STRING NULL!"),
        ("like(s, 'a%')", "BOOL true"),
        ("regexp('abc', '^a.c$')", "BOOL true"),
        ("regexp('xabcx', 'b')", "BOOL true"),
        ("regexp(s, s)", "BOOL true"),
        ("regexp(s, concat('(', left(s, 1)))", "BOOL NULL!"),
        ("regexp(ns, 'a')", "BOOL NULL"),
        ("regexp(s, '')", "BOOL true"),
        ("regexp(s, repeat('a', 16384))", "BOOL false"),
        ("regexp(s, rpad(s, 16385, 'a'))", "BOOL NULL!"),
        ("regexp('', right(s, 0))", "BOOL true"),
        ("regexp('é', '^\\p{L}+$')", "BOOL true"),
        ("regexp('日', '\\p{Han}')", "BOOL true"),
        ("left(s)", "fault: left takes 2 arguments, not 1"),
        (
            "left(s, s)",
            "fault: argument 2 of left is STRING, not an integer",
        ),
        ("upper(i)", "fault: argument 1 of upper is INT, not STRING"),
    ]);
    let fault = &typed("regexp(s, '(')").map(|_| ()).unwrap_err()[0];
    assert!(
        fault.message.starts_with("regular expression '(':"),
        "{fault:?}"
    );
    assert!(typed("regexp(s, 'a{1000}{1000}{1000}')").is_err());
    let fault = &typed("left(s)").map(|_| ()).unwrap_err()[0];
    assert_eq!(
        fault.remedy.as_deref(),
        Some("left(text STRING, count INT) → STRING")
    );
}

#[test]
fn choices() {
    check(&[
        ("coalesce(ni, nl, i)", "LONG 7"),
        ("coalesce(i, 1 / 0)", "DOUBLE 7.0"),
        ("coalesce(ni, NULL)", "INT NULL"),
        ("coalesce(NULL, NULL)", "untyped NULL"),
        (
            "coalesce(s, 1)",
            "fault: coalesce: STRING and LONG have no common type",
        ),
        ("default(ns, 'x')", "STRING x"),
        ("ifnull(i, 1)", "INT 7"),
        ("nullif(i, 7)", "INT NULL"),
        ("nullif(i, 8)", "INT 7"),
        ("nullif(i, ni)", "INT 7"),
        ("nullif(ni, 7)", "INT NULL"),
        ("nullif(i, 7.0)", "INT NULL"),
        ("nullif(i, d)", "INT 7"),
        ("nullif(i, 3000000000)", "INT 7"),
        (
            "nullif(lmax, 9223372036854775807.0)",
            "LONG 9223372036854775807",
        ),
        ("nullif(f, 0.1)", "FLOAT NULL"),
        ("nullif(f, d)", "FLOAT 0.1"),
        ("nullif(5, i)", "LONG 5"),
        ("nullif(NULL, i)", "untyped NULL"),
        ("nullif(i, NULL)", "INT 7"),
        (
            "nullif(i, s)",
            "fault: nullif cannot compare INT with STRING",
        ),
        ("ifThenElse(i > 5, 'High', 'Low')", "STRING High"),
        ("ifThenElse(nb, 1, 2)", "LONG 2"),
        ("ifthenelse(b, i, l)", "LONG 7"),
        (
            "ifThenElse(i, 1, 2)",
            "fault: argument 1 of ifThenElse is INT, not a condition",
        ),
        ("instanceOfString(s)", "BOOL true"),
        ("instanceOfString(ns)", "BOOL false"),
        ("instanceOfInteger(i)", "BOOL true"),
        ("instanceOfInteger(l)", "BOOL false"),
        ("instanceOfLong(l)", "BOOL true"),
        ("instanceOfFloat(f)", "BOOL true"),
        ("instanceOfDouble(d)", "BOOL true"),
        ("instanceOfBoolean(b)", "BOOL true"),
        ("instanceOfBoolean(NULL)", "BOOL false"),
    ]);
}

#[test]
fn times() {
    check(&[
        ("eventTimestamp()", "LONG 1500"),
        ("now()", "LONG 2000"),
        ("currentTimeMillis()", "LONG 2000"),
        ("now(1)", "fault: now takes 0 arguments, not 1"),
        (
            "formatDate(0, '%Y-%m-%d %H:%M:%S')",
            "STRING 1970-01-01 00:00:00",
        ),
        (
            "formatDate(-1, '%Y-%m-%dT%H:%M:%S%.3f')",
            "STRING 1969-12-31T23:59:59.999",
        ),
        ("formatDate(lmax, '%Y')", "STRING NULL!"),
        ("formatDate(nl, '%Y')", "STRING NULL"),
        ("parseDate('2024-02-29', '%Y-%m-%d')", "LONG 1709164800000"),
        (
            "parseDate('2024-02-29 01:00', '%Y-%m-%d %H:%M')",
            "LONG 1709168400000",
        ),
        (
            "parseDate('2024-02-29 01:00 +0100', '%Y-%m-%d %H:%M %z')",
            "LONG 1709164800000",
        ),
        (
            "parseDate('9999-12-31', '%Y-%m-%d')",
            "LONG 253402214400000",
        ),
        (
            "parseDate('253402300799.999', '%s%.f')",
            "LONG 253402300799999",
        ),
        ("parseDate('-1.5', '%s%.f')", "LONG -500"),
        ("parseDate('x-2', 'x%s')", "LONG -2000"),
        ("parseDate('1-', '%s')", "LONG NULL!"),
        (
            "formatDate(253402300799999, '%FT%T%.3f')",
            "STRING 9999-12-31T23:59:59.999",
        ),
        ("formatDate(253402300799999, '%s')", "STRING 253402300799"),
        ("formatDate(253402300800000, '%Y')", "STRING NULL!"),
        ("formatDate(-62135596800000, '%F')", "STRING 0001-01-01"),
        ("formatDate(-1500, '%s%.f')", "STRING -2.5"),
        (
            "formatDate(-1, '%s%.3f|%06s|%6s|%S%f|%%s')",
            "STRING -1.999|-00001|    -1|59999|%s",
        ),
        (
            "formatDate(0, '%z %:z %Q %Z')",
            "STRING +0000 +00:00 +0000 UTC",
        ),
        (
            "parseDate('2024-02-29T01:00Z', '%Y-%m-%dT%H:%M%:z')",
            "LONG 1709168400000",
        ),
        (
            "parseDate('2024-02-29T01:00+01', '%Y-%m-%dT%H:%M%:z')",
            "LONG 1709164800000",
        ),
        (
            "parseDate('2024-02-29T01:00+0100', '%Y-%m-%dT%H:%M%:z')",
            "LONG 1709164800000",
        ),
        (
            "parseDate('2024-02-29T01:00+01:00', '%Y-%m-%dT%H:%M%z')",
            "LONG 1709164800000",
        ),
        (
            "parseDate('2024-07-01 12:00 Europe/Berlin', '%Y-%m-%d %H:%M %Q')",
            "LONG 1719828000000",
        ),
        (
            "parseDate('2024-07-01 12:00 +02:00', '%Y-%m-%d %H:%M %Q')",
            "LONG 1719828000000",
        ),
        (
            "parseDate('2024-07-01 12:00 Europe/Berlim', '%Y-%m-%d %H:%M %Q')",
            "LONG NULL!",
        ),
        ("parseDate('2023-02-29', '%Y-%m-%d')", "LONG NULL!"),
        ("parseDate('x', '%Y-%m-%d')", "LONG NULL!"),
        ("parseDate(ns, '%Y-%m-%d')", "LONG NULL"),
    ]);
}

#[test]
fn calendars() {
    check(&[
        ("dateAdd(0, 1, 'day')", "LONG 86400000"),
        ("dateAdd(0, -1, 'WEEKS')", "LONG -604800000"),
        (
            "dateAdd(parseDate('2024-01-31', '%Y-%m-%d'), 1, 'month') = parseDate('2024-02-29', '%Y-%m-%d')",
            "BOOL true",
        ),
        (
            "dateAdd(parseDate('2024-02-29', '%Y-%m-%d'), 1, 'year') = parseDate('2025-02-28', '%Y-%m-%d')",
            "BOOL true",
        ),
        ("dateAdd(0, lmax, 'year')", "LONG NULL!"),
        ("dateAdd(lmax, 1, 'millisecond')", "LONG NULL!"),
        ("dateAdd(0, 1, s)", "LONG NULL!"),
        ("dateDiff(86400000, 0, 'hours')", "LONG 24"),
        ("dateDiff(0, 5400000, 'hour')", "LONG -1"),
        // as dateAdd cuts the day, and the same in both directions
        (
            "dateDiff(CAST('2024-02-29' AS TIMESTAMP), CAST('2024-01-31' AS TIMESTAMP), 'month')",
            "LONG 1",
        ),
        (
            "dateDiff(CAST('2024-01-31' AS TIMESTAMP), CAST('2024-02-29' AS TIMESTAMP), 'month')",
            "LONG -1",
        ),
        (
            "dateDiff(CAST('2024-02-28' AS TIMESTAMP), CAST('2024-01-31' AS TIMESTAMP), 'month')",
            "LONG 0",
        ),
        (
            "dateDiff(CAST('2022-05-01T10:24' AS TIMESTAMP), CAST('2016-12-31T23:59' AS TIMESTAMP), 'month')",
            "LONG 64",
        ),
        (
            "dateDiff(CAST('2021-02-28' AS TIMESTAMP), CAST('2020-02-29' AS TIMESTAMP), 'year')",
            "LONG 1",
        ),
        ("dateDiff(lmax, lmin, 'day')", "LONG NULL!"),
        (
            "dateDiff(parseDate('2024-03-30', '%Y-%m-%d'), parseDate('2024-01-31', '%Y-%m-%d'), 'month')",
            "LONG 1",
        ),
        (
            "dateDiff(parseDate('2024-03-30', '%Y-%m-%d'), parseDate('2021-03-30', '%Y-%m-%d'), 'year')",
            "LONG 3",
        ),
        ("extract('year', 1709168461500)", "INT 2024"),
        ("extract('month', 1709168461500)", "INT 2"),
        ("extract('week', 1709168461500)", "INT 9"),
        ("extract('day', 1709168461500)", "INT 29"),
        ("extract('hour', 1709168461500)", "INT 1"),
        ("extract('minute', 1709168461500)", "INT 1"),
        ("extract('second', 1709168461500)", "INT 1"),
        ("extract('millisecond', 1709168461500)", "INT 500"),
        ("extract('millisecond', -1)", "INT 999"),
        ("extract('moth', l)", "fault: unknown unit 'moth'"),
        ("extract('year', lmin)", "INT NULL!"),
        ("extract('day', 253402300799999)", "INT 31"),
        (
            "dateAdd(parseDate('9999-11-30', '%F'), 1, 'month')",
            "LONG 253402128000000",
        ),
        (
            "CAST('2024-02-29T01:00+01:00' AS TIMESTAMP)",
            "LONG 1709164800000",
        ),
        ("CAST(' 1500 ' AS TIMESTAMP)", "LONG 1500"),
        ("CAST('2024-02' AS TIMESTAMP)", "LONG NULL!"),
        ("CAST(d AS TIMESTAMP)", "LONG 2"),
        ("CAST(ns AS TIMESTAMP)", "LONG NULL"),
        ("CAST('1969-12-31 23:59:59.9999' AS TIMESTAMP)", "LONG -1"),
    ]);
    for bad in [
        "formatDate(l, '%!')",
        "parseDate(s, '%H')",
        "parseDate(s, '%Q%Q')",
        "parseDate(s, '%F%y%!')",
        "parseDate(s, '%s%s')",
        "parseDate(s, '%F %Z')",
    ] {
        let fault = &typed(bad).map(|_| ()).unwrap_err()[0];
        assert!(fault.message.starts_with("pattern '"), "{bad}: {fault:?}");
    }
}

/// The calendar begins with the year 1 and ends with 9999.
#[test]
fn ends_of_the_calendar() {
    check(&[
        ("dateAdd(253402300799999, 1, 'millisecond')", "LONG NULL!"),
        ("dateAdd(253402300799999, 1, 'day')", "LONG NULL!"),
        ("dateAdd(253402300799999, 1, 'month')", "LONG NULL!"),
        (
            "dateAdd(253402297199999, 1, 'second', '+01:00')",
            "LONG NULL!",
        ),
        ("dateAdd(-62135596800000, -1, 'second')", "LONG NULL!"),
        ("dateAdd(-62135596800000, -1, 'year')", "LONG NULL!"),
        (
            "dateAdd(-62135596800000, 1, 'second')",
            "LONG -62135596799000",
        ),
        ("dateTrunc('week', -62135596800000)", "LONG -62135596800000"),
        ("dateTrunc('hour', -62135596800001)", "LONG NULL!"),
        ("extract('year', -62135596800000)", "INT 1"),
        ("extract('year', -62135596800001)", "INT NULL!"),
        ("extract('hour', -62135596800001)", "INT NULL!"),
        ("formatDate(-62135596800001, '%Y')", "STRING NULL!"),
        (
            "parseDate('0001-01-01', '%Y-%m-%d')",
            "LONG -62135596800000",
        ),
        ("parseDate('0000-12-31', '%Y-%m-%d')", "LONG NULL!"),
        ("parseDate('-62135596801', '%s')", "LONG NULL!"),
        ("parseDate('253402300800', '%s')", "LONG NULL!"),
        ("CAST('0000-12-31' AS TIMESTAMP)", "LONG NULL!"),
    ]);
}

#[test]
fn times_in_zones() {
    check(&[
        (
            "formatDate(1719828000000, '%F %T %Z %z', 'Europe/Berlin')",
            "STRING 2024-07-01 12:00:00 CEST +0200",
        ),
        (
            "formatDate(1704106800000, '%H %Z %Q', 'europe/berlin')",
            "STRING 12 CET Europe/Berlin",
        ),
        (
            "formatDate(0 AT TIME ZONE '-03:30', '%F %T %:z %:Q')",
            "STRING 1969-12-31 20:30:00 -03:30 -03:30",
        ),
        ("formatDate(0, '%H', ns)", "STRING NULL"),
        ("formatDate(0, '%H', s)", "STRING NULL!"),
        ("formatDate(0, '%H', left('UTC', i))", "STRING 00"),
        // what the clocks skip is an hour later, of what they show twice the first counts
        (
            "parseDate('2024-03-31 02:30', '%F %H:%M', 'Europe/Berlin')",
            "LONG 1711848600000",
        ),
        (
            "parseDate('2024-10-27 02:30', '%F %H:%M', 'Europe/Berlin')",
            "LONG 1729989000000",
        ),
        (
            "parseDate('2024-10-27 02:30+01:00', '%F %H:%M%:z', 'Europe/Berlin')",
            "LONG 1729992600000",
        ),
        (
            "parseDate('2024-10-27', '%F', 'Europe/Berlin')",
            "LONG 1729980000000",
        ),
        ("extract('hour', 1729989000000, 'Europe/Berlin')", "INT 2"),
        (
            "extract('day', 1719871200000 AT TIME ZONE 'Europe/Berlin')",
            "INT 2",
        ),
        (
            "dateTrunc('day', 1729992600000, 'Europe/Berlin')",
            "LONG 1729980000000",
        ),
        (
            "dateTrunc('hour', 1729992600000, 'Europe/Berlin')",
            "LONG 1729990800000",
        ),
        (
            "dateTrunc('hour', 1729989000000, 'Europe/Berlin')",
            "LONG 1729987200000",
        ),
        (
            "dateTrunc('hour', 1704067200000, 'Asia/Kathmandu')",
            "LONG 1704064500000",
        ),
        (
            "dateTrunc('month', 1719871200000, 'Europe/Berlin')",
            "LONG 1719784800000",
        ),
        ("dateTrunc('year', 1709164800000)", "LONG 1704067200000"),
        ("date_trunc('week', 1709164800000)", "LONG 1708905600000"),
        ("dateTrunc('second', -1)", "LONG -1000"),
        // Saturday noon to Sunday noon, over the night in which clocks are put back: a day of 25 hours
        (
            "dateAdd(1729936800000, 1, 'day', 'Europe/Berlin') - 1729936800000",
            "LONG 90000000",
        ),
        (
            "dateAdd(1729936800000, 24, 'hour', 'Europe/Berlin') - 1729936800000",
            "LONG 86400000",
        ),
        (
            "dateDiff(1730026800000, 1729936800000, 'day', 'Europe/Berlin')",
            "LONG 1",
        ),
        (
            "dateDiff(1730023200000, 1729936800000, 'day', 'Europe/Berlin')",
            "LONG 0",
        ),
        ("dateDiff(1730023200000, 1729936800000, 'day')", "LONG 1"),
        (
            "formatDate(l, '%H', 'Europe/Berlim')",
            "fault: unknown time zone 'Europe/Berlim'",
        ),
        (
            "dateDiff(l AT TIME ZONE 'UTC', l AT TIME ZONE 'UTC', 'day')",
            "fault: a call has one AT TIME ZONE",
        ),
        (
            "l AT TIME ZONE 'UTC' + 1",
            "fault: AT TIME ZONE stands in the argument of a function of time",
        ),
        (
            "abs(l AT TIME ZONE 'UTC')",
            "fault: AT TIME ZONE stands in the argument of a function of time",
        ),
    ]);
}

#[test]
fn uuid_depends_on_salt_call_cause_clock_and_order_only() {
    let compiled = |text: &str, salt: &str| {
        let typed = typed(text).expect("it has a type");
        typed.compile_salted(&Layout::default(), salt)
    };
    let ids_of =
        |program: &mut Program, causes: &[u64], clock: &[Timestamp], rows: Option<&[u32]>| {
            let frame = Frame {
                causes,
                clock,
                rows,
                len: rows.map_or(causes.len(), <[u32]>::len),
                ..Frame::default()
            };
            let column = program.eval(&frame, &mut 0);
            let texts = (0..frame.len).map(|i| column.value(i).to_string());
            texts.collect::<Vec<_>>()
        };
    let ids = |text: &str, salt: &str, causes: &[u64], rows: Option<&[u32]>| {
        ids_of(&mut compiled(text, salt), causes, &[], rows)
    };
    let all = ids("uuid()", "app", &[5, 6, 6, 6, 7], None);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 5);
    for id in &all {
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "8");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
    assert_eq!(ids("uuid()", "app", &[6, 6, 6], None), all[1..4]);
    assert_eq!(
        ids("uuid()", "app", &[5, 6, 6, 6, 7], Some(&[3, 1, 4])),
        [&all[1], &all[2], &all[4]].map(String::clone)
    );
    // The same rows in batches of one.
    let mut program = compiled("uuid()", "app");
    let singly = [5, 6, 6, 6, 7].map(|cause| ids_of(&mut program, &[cause], &[], None).remove(0));
    assert_eq!(singly[..], all);
    // What one row lets out at several times.
    let times = [1, 2, 3].map(Timestamp);
    let mut program = compiled("uuid()", "app");
    let mut later: Vec<String> = ids_of(&mut program, &[6, 6, 6], &times, None);
    later.extend(all.iter().cloned());
    assert_eq!(later.iter().collect::<HashSet<_>>().len(), 8);
    assert_ne!(ids("uuid()", "other", &[5], None), all[..1]);
    assert_eq!(ids("uuid() = uuid()", "app", &[5], None), ["false"]);
    assert!(typed("upper(uuid())").unwrap().uses_cause());
    assert!(typed("now() + 1").unwrap().uses_clock());
    assert!(!typed("eventTimestamp() + 1").unwrap().uses_clock());
}

struct Twice;

impl ScalarFunction for Twice {
    fn result(&self, args: &[Type]) -> Result<Type, String> {
        match args {
            [Type::Double] => Ok(Type::Double),
            _ => Err("twice(x DOUBLE)".to_string()),
        }
    }

    fn call(&self, args: &[Value]) -> Value {
        match args {
            [Value::Double(x)] if *x == 0.0 => Value::Int(1),
            [Value::Double(x)] => Value::Double(x * 2.0),
            _ => Value::Null,
        }
    }
}

#[test]
fn registered_functions() {
    let mut functions = Functions::new();
    assert!(functions.register("twice", Twice));
    assert!(!functions.register("TWICE", Twice));
    assert!(!functions.register("Pow", Twice));
    assert!(functions.iter().any(|(name, ..)| name == "twice"));
    let run = |text: &str| {
        let mut faults = 0;
        let frame = Frame {
            len: 1,
            ..Frame::default()
        };
        let value = typed_with(text, &functions)
            .unwrap()
            .compile(&Layout::default())
            .eval(&frame, &mut faults)
            .value(0);
        (value, faults)
    };
    assert_eq!(run("Twice(2.5)"), (Value::Double(5.0), 0));
    assert_eq!(run("twice(1e308 * 1.5)"), (Value::Null, 1));
    assert_eq!(run("twice(0.0)"), (Value::Null, 1));
    assert_eq!(run("twice(CAST(NULL AS DOUBLE))"), (Value::Null, 0));
    let fault = &typed_with("twice(i)", &functions).map(|_| ()).unwrap_err()[0];
    assert_eq!(fault.message, "twice does not take (INT)");
    assert_eq!(fault.remedy.as_deref(), Some("twice(x DOUBLE)"));
    let fault = &typed_with("twise(i)", &functions).map(|_| ()).unwrap_err()[0];
    assert_eq!(fault.remedy.as_deref(), Some("did you mean 'twice'?"));
}
