//! Types that are no rows: what the compiler says of them, and where.
//!
//! How: the compiler reads a text with the macro that this build has made, and stand-ins for the traits of eventflux.
//! That takes a moment; a package for each text, with eventflux in it, would be built for minutes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The traits that derived code names.
const TRAITS: &str = "
#![allow(dead_code)]
extern crate self as eventflux;
pub struct RowWriter<'a>(&'a ());
pub struct RowReader<'a>(&'a ());
pub struct FieldError;
pub trait Field {}
impl Field for i64 {}
impl<F: Field> Field for Option<F> {}
pub trait Row { fn write(&self, to: &mut RowWriter<'_>); }
pub trait FromRow: Sized { fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError>; }
impl RowWriter<'_> { pub fn field(&mut self, _: &(impl Field + ?Sized)) {} }
impl RowReader<'_> { pub fn named<F: Field>(&mut self, _: &'static str) -> Result<F, FieldError> { loop {} } }
use eventflux_derive::{FromRow, Row};
";

/// An error of the compiler: line, column, and how its message begins.
type Told = (usize, usize, &'static str);

/// A text, and what the compiler says of it.
const CASES: &[(&str, &[Told])] = &[
    (
        "#[derive(Row, FromRow)]\nstruct T { a: i64, b: Option<i64> }",
        &[],
    ),
    (
        "#[derive(Row, FromRow)]\nstruct T { #[eventflux(rename = \"b\")] a: i64, r#type: i64 }",
        &[],
    ),
    (
        "#[derive(Row)]\nstruct T {\n    a: i64,\n    b: Vec<i64>,\n}",
        &[(4, 8, "the trait bound `Vec<i64>: Field` is not satisfied")],
    ),
    (
        "#[derive(FromRow)]\nstruct T {\n    a: i64,\n    b: Vec<i64>,\n}",
        &[(4, 8, "the trait bound `Vec<i64>: Field` is not satisfied")],
    ),
    (
        "#[derive(Row)]\nenum T { A, B }",
        &[(
            2,
            6,
            "Row is derived for structs with named fields; write a struct for each stream, or one whose fields are Options",
        )],
    ),
    (
        "#[derive(FromRow)]\nstruct T(i64);",
        &[(
            2,
            8,
            "FromRow is derived for structs with named fields; name its fields; a tuple such as (i64, f64) is a row by itself",
        )],
    ),
    (
        "#[derive(Row)]\nstruct T;",
        &[(
            2,
            8,
            "Row is derived for structs with named fields; name its fields; a tuple such as (i64, f64) is a row by itself",
        )],
    ),
    (
        "#[derive(Row)]\nunion T { a: i64 }",
        &[(
            2,
            7,
            "Row is derived for structs with named fields; write a struct",
        )],
    ),
    (
        "#[derive(Row)]\nstruct T<F> { a: F }",
        &[(
            2,
            10,
            "Row is derived for types without parameters: a row has columns of known types; remove them, or send a tuple",
        )],
    ),
    (
        "#[derive(Row)]\nstruct T {\n    #[eventflux(renam = \"x\")]\n    a: i64,\n    #[eventflux(rename = 7)]\n    b: i64,\n    #[eventflux(rename = \"\")]\n    c: i64,\n}",
        &[
            (3, 17, "not known here; write rename = \"…\""),
            (5, 26, "expected string literal"),
            (7, 26, "a name has a character at least"),
        ],
    ),
    (
        "#[derive(Row)]\nstruct T {\n    #[eventflux(rename = \"x\")]\n    #[eventflux(rename = \"y\")]\n    a: i64,\n}",
        &[(4, 17, "the field is renamed twice; remove one of them")],
    ),
    (
        "#[derive(Row)]\nstruct T {\n    a: i64,\n    #[eventflux(rename = \"A\")]\n    b: i64,\n}",
        &[(4, 26, "two fields are called 'A'")],
    ),
    (
        "#[derive(Row)]\n#[eventflux(rename = \"x\")]\nstruct T {\n    a: i64,\n}",
        &[(2, 1, "an attribute of eventflux stands at a field")],
    ),
];

/// The library with the macros that was built for this test: the last one beside it.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a file");
    let folder = test.parent().expect("a folder");
    let (start, end) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let files = fs::read_dir(folder).expect("it can be listed");
    let libraries = files.filter_map(Result::ok).filter(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.starts_with(&format!("{start}eventflux_derive-")) && name.ends_with(end)
    });
    let changed = |file: &fs::DirEntry| file.metadata().and_then(|m| m.modified()).ok();
    let last = libraries.max_by_key(changed);
    last.expect("it was built").path()
}

#[test]
fn what_is_no_row_is_told_where_it_stands() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let library = library();
    let before = TRAITS.lines().count();
    for (number, (text, want)) in CASES.iter().enumerate() {
        let file = folder.join(format!("case_{number}.rs"));
        fs::write(&file, format!("{TRAITS}{text}\n")).expect("it can be written");
        let done = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
            .args([
                "--edition",
                "2024",
                "--crate-type",
                "lib",
                "--emit",
                "metadata",
            ])
            .args(["--error-format", "short", "--extern"])
            .arg(format!("eventflux_derive={}", library.display()))
            .arg("--out-dir")
            .arg(&folder)
            .arg(&file)
            .output()
            .expect("the compiler can be started");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let start = format!("{}:", file.display());
        let told = said.lines().filter_map(|line| {
            let (place, message) = line.strip_prefix(&start)?.split_once(": error")?;
            let (line, column) = place.split_once(':')?;
            let message = message.split_once(": ")?.1;
            let line: usize = line.parse().ok()?;
            Some((line - before, column.parse().ok()?, message))
        });
        let told: Vec<(usize, usize, &str)> = told.collect();
        let matches = told.len() == want.len()
            && told
                .iter()
                .zip(*want)
                .all(|((line, column, message), want)| {
                    (*line, *column) == (want.0, want.1) && message.starts_with(want.2)
                });
        assert!(
            matches && done.status.success() == want.is_empty(),
            "{text}\n{told:?}\n{said}"
        );
    }
}
