//! The odd files, and what is expected of each.

/// How a file is made.
pub enum Made {
    Nothing,
    Folder,
    /// A link to itself.
    Loop,
    /// A link to a device.
    Device(&'static str),
    Fifo,
    Socket,
    /// What it begins with, a piece, how many of them, and what it ends with.
    Bytes(Vec<u8>, Vec<u8>, usize, Vec<u8>),
}

/// What a file is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Events,
    /// Rows of one stream.
    Input,
    /// Plain text.
    Text,
    App,
    Shell,
    Plan,
    Import,
    Store,
    Certificates,
}

/// One file and its right end.
pub struct Case {
    pub name: String,
    /// Its name in a folder.
    pub file: &'static str,
    pub made: Made,
    pub usage: Use,
    pub status: i32,
    /// Rows that come out.
    pub rows: usize,
    pub told: &'static str,
    /// The program waits for ever, and is asked to stop.
    pub waits: bool,
}

impl Case {
    /// The words behind `eventflux`.
    pub fn command(&self, app: &str, file: &str, state: &str) -> Vec<String> {
        let input = format!("S={file}");
        let store = format!("file:{state}");
        let here = format!("file:{file}");
        let words: Vec<&str> = match self.usage {
            Use::Events => vec!["run", app, "--events", file],
            Use::Input => vec!["run", app, "--input", &input],
            Use::Text => vec!["run", app, "--input", &input, "--input-format", "text"],
            Use::App => vec!["check", file],
            Use::Shell => vec!["shell", file],
            Use::Plan => vec!["explain", file],
            Use::Import => vec!["state", "import", &store, "--from", file],
            Use::Store => vec!["state", "ls", &here],
            Use::Certificates => {
                let url = "rediss://127.0.0.1:1";
                vec!["state", "ls", url, "--redis-ca", file]
            }
        };
        words.into_iter().map(str::to_string).collect()
    }
}

const ROW: &str = "{\"stream\":\"S\",\"at\":1,\"row\":[1,\"a\"]}\n";
const HEADER: &str = "at,n,t\n";
const APP: &str = "CREATE STREAM S (n INT); INSERT INTO Out SELECT n FROM S;";
/// The beginning of what gzip writes, and no end.
const GZ: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\x2e\x29\x4a\x4d\xcc\x55\xb2\x52\x0a";
/// Bytes of a very long line.
const LONG: usize = 100 << 20;

/// Head, piece, number of pieces, tail.
fn bytes(
    head: impl AsRef<[u8]>,
    piece: impl AsRef<[u8]>,
    count: usize,
    tail: impl AsRef<[u8]>,
) -> Made {
    Made::Bytes(
        head.as_ref().to_vec(),
        piece.as_ref().to_vec(),
        count,
        tail.as_ref().to_vec(),
    )
}

fn text(text: impl AsRef<[u8]>) -> Made {
    bytes(text, "", 0, "")
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

/// All files.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    of(&mut cases, Use::Events, "events.jsonl", events());
    of(&mut cases, Use::Input, "rows.jsonl", rows());
    of(&mut cases, Use::Input, "rows.csv", csv());
    of(&mut cases, Use::Text, "lines.log", lines());
    of(&mut cases, Use::App, "odd.sql", apps());
    of(&mut cases, Use::Shell, "odd.sql", statements());
    of(&mut cases, Use::Plan, "odd.sql", apps());
    of(&mut cases, Use::Import, "odd.efbl", imports());
    of(&mut cases, Use::Store, "odd", stores());
    of(&mut cases, Use::Certificates, "odd.pem", certificates());
    for (usage, file) in [
        (Use::Events, "events.jsonl"),
        (Use::Input, "rows.jsonl"),
        (Use::Input, "rows.csv"),
        (Use::Text, "lines.log"),
    ] {
        of(&mut cases, usage, file, places());
        let waits = vec![
            ("a pipe without a writer", Made::Fifo, 143, 0, ""),
            ("zeros without end", Made::Device("/dev/zero"), 143, 0, ""),
        ];
        let first = cases.len();
        of(&mut cases, usage, file, waits);
        cases[first..].iter_mut().for_each(|case| case.waits = true);
    }
    cases
}

type Row = (&'static str, Made, i32, usize, &'static str);

fn of(cases: &mut Vec<Case>, usage: Use, file: &'static str, rows: Vec<Row>) {
    cases.extend(
        rows.into_iter()
            .map(|(name, made, status, rows, told)| Case {
                name: format!("{usage:?} {file}: {name}"),
                file,
                made,
                usage,
                status,
                rows,
                told,
                waits: false,
            }),
    );
}

/// What is no file with lines.
#[rustfmt::skip]
fn places() -> Vec<Row> {
    vec![
        ("nothing", Made::Nothing, 1, 0, "No such file"),
        ("a folder", Made::Folder, 2, 0, "is a folder"),
        ("a link to itself", Made::Loop, 1, 0, "symbolic links"),
        ("a socket", Made::Socket, 1, 0, "No such device or address"),
    ]
}

#[rustfmt::skip]
fn events() -> Vec<Row> {
    let bad = "no line was good";
    let wide: String = (0..60_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let event = |row: &str| format!("{{\"stream\":\"S\",\"at\":1,\"row\":{row}}}\n");
    let batch = vec![ROW.trim(); 20_000].join(",");
    vec![
        ("empty", text(""), 0, 0, ""),
        ("the null device", Made::Device("/dev/null"), 0, 0, ""),
        ("a row", text(ROW), 0, 1, ""),
        ("a row without an end", text(ROW.trim()), 0, 1, ""),
        ("a mark of the byte order", text(format!("\u{feff}{ROW}")), 0, 1, ""),
        ("a mark of the byte order alone", text("\u{feff}"), 0, 0, ""),
        ("UTF-16", text(utf16(ROW)), 1, 0, "not UTF-8"),
        ("carriage returns alone", text(ROW.replace('\n', "\r").repeat(3)), 1, 0, bad),
        ("carriage returns and line feeds", text(ROW.replace('\n', "\r\n").repeat(3)), 0, 3, ""),
        ("millions of blank lines", bytes(ROW, "\n", 5_000_000, ROW), 0, 2, ""),
        ("millions of blank lines, nothing else", bytes("", " \r\n", 5_000_000, ""), 0, 0, ""),
        ("zeros", bytes("", "\0", LONG, ""), 1, 0, bad),
        ("zeros between rows", bytes(ROW, "\0", LONG, format!("\n{ROW}")), 0, 2, "longer than"),
        ("a long line", bytes("", "x", LONG, ""), 1, 0, bad),
        ("a long line between rows", bytes(ROW, "x", LONG, format!("\n{ROW}")), 0, 2, "longer than"),
        ("a long text in a row", bytes("{\"stream\":\"S\",\"at\":1,\"row\":[1,\"", "x", LONG, "\"]}\n"), 1, 0, bad),
        ("open brackets", bytes("", "[", 500_000, "\n"), 1, 0, bad),
        ("open braces", bytes("", "{\"a\":", 200_000, "\n"), 1, 0, bad),
        ("brackets", text(event(&format!("{}{}", "[".repeat(500_000), "]".repeat(500_000)))), 1, 0, bad),
        ("braces that are left out", text(event(&format!("{{\"n\":1,\"z\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)))), 0, 1, ""),
        ("many keys", text(event(&format!("{{{wide}\"n\":1}}"))), 0, 1, ""),
        ("one key many times", text(event(&format!("{{{}\"n\":1}}", "\"n\":1,".repeat(100_000)))), 1, 0, bad),
        ("a long number", text(event(&format!("[{},\"a\"]", "9".repeat(900_000)))), 1, 0, bad),
        ("a long zero", text(event(&format!("[0.{}e{},\"a\"]", "0".repeat(900_000), "9".repeat(100_000)))), 0, 1, ""),
        ("a long time", text(format!("{{\"clock\":{}}}\n{ROW}", "9".repeat(900_000))), 0, 1, ""),
        ("a large batch", text(format!("{{\"batch\":[{batch}]}}\n")), 0, 20_000, ""),
        ("many bad lines", bytes("", "oops\n", 300_000, ROW), 0, 1, "counted only"),
        ("signs of a terminal", text("\u{1b}[2J\u{7}\u{9b}31m\n"), 1, 0, bad),
        ("bytes that are no text", text(b"{\"stream\":\"S\",\"at\":1,\"row\":[1,\"\xff\"]}\n"), 1, 0, "not UTF-8"),
        ("compressed", text(GZ), 1, 0, bad),
        ("another format", text("at,n,t\n1,1,a\n"), 1, 0, bad),
    ]
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let bad = "no line was good";
    vec![
        ("empty", text(""), 0, 0, ""),
        ("rows", text("[1,\"a\"]\n{\"n\":2}\n{\"at\":3,\"row\":[3,\"c\"]}\n"), 0, 1, "no 'at'"),
        ("millions of blank lines", bytes("", "\n", 5_000_000, "{\"at\":1,\"n\":1}"), 0, 1, ""),
        ("a long line between rows", bytes("{\"at\":1,\"n\":1}\n", "x", LONG, "\n{\"at\":1,\"n\":1}\n"), 0, 2, "longer than"),
        ("open brackets", bytes("", "[", 500_000, "\n"), 1, 0, bad),
        ("compressed", text(GZ), 1, 0, bad),
    ]
}

#[rustfmt::skip]
fn csv() -> Vec<Row> {
    let bad = "no line was good";
    let missing = "header: attribute";
    vec![
        ("empty", text(""), 1, 0, missing),
        ("the null device", Made::Device("/dev/null"), 1, 0, missing),
        ("a header", text(HEADER), 0, 0, ""),
        ("a row", text(format!("{HEADER}1,1,a\n")), 0, 1, ""),
        ("a row without an end", text(format!("{HEADER}1,1,a")), 0, 1, ""),
        ("a mark of the byte order", text(format!("\u{feff}{HEADER}1,1,a\n")), 0, 1, ""),
        ("UTF-16", text(utf16(&format!("{HEADER}1,1,a\n"))), 1, 0, "header: "),
        ("carriage returns alone", text("at,n,t\r1,1,a\r"), 1, 0, "header: "),
        ("carriage returns and line feeds", text("at,n,t\r\n1,1,a\r\n\r\n2,2,b\r\n"), 0, 2, ""),
        ("millions of blank lines", bytes(HEADER, "\n", 5_000_000, "1,1,a\n"), 0, 1, ""),
        ("blank lines before the header", bytes("\n\r\n", "\n", 1000, format!("{HEADER}1,1,a\n")), 0, 1, ""),
        ("zeros", bytes("", "\0", LONG, ""), 1, 0, "header: "),
        ("zeros in a row", bytes(format!("{HEADER}1,1,"), "\0", LONG, "\n1,1,a\n"), 0, 1, "longer than"),
        ("a long row", bytes(format!("{HEADER}1,1,"), "x", LONG, "\n1,1,a\n"), 0, 1, "longer than"),
        ("a long row in quotes", bytes(format!("{HEADER}1,1,\""), "x", 2 << 20, "\"\n1,1,a\n"), 0, 1, "longer than"),
        ("a quote that is never closed", bytes(format!("{HEADER}1,1,a\n1,1,\""), "x\n", LONG / 2, ""), 1, 1, "the quote that line 3 opens"),
        ("a quote that is not closed", text(format!("{HEADER}1,1,a\n1,1,\"b")), 0, 1, "a quote is opened"),
        ("quotes", bytes(format!("{HEADER}1,1,\""), "\"\"", 400_000, "\"\n"), 0, 1, ""),
        ("many columns", bytes(HEADER.trim(), ",c", 400_000, "\n"), 1, 0, "header: "),
        ("many cells", bytes(format!("{HEADER}1,1,a"), ",", 500_000, "\n1,1,a\n"), 0, 1, "cells for 3 columns"),
        ("the header twice", text(HEADER.repeat(2) + "1,1,a\n"), 0, 1, "time"),
        ("many bad lines", bytes(HEADER, "oops\n", 300_000, "1,1,a\n"), 0, 1, "counted only"),
        ("signs of a terminal", text(format!("{HEADER}1,\u{1b}[2J\u{7},a\n")), 1, 0, bad),
        ("compressed", text(GZ), 1, 0, "header: "),
        ("another format", text(ROW), 1, 0, "header: "),
    ]
}

#[rustfmt::skip]
fn lines() -> Vec<Row> {
    let bad = "no line was good";
    vec![
        ("empty", text(""), 0, 0, ""),
        ("the null device", Made::Device("/dev/null"), 0, 0, ""),
        ("lines", text("a\r\n\nb"), 0, 2, ""),
        ("a mark of the byte order", text("\u{feff}a\n"), 0, 1, ""),
        ("a mark of the byte order alone", text("\u{feff}"), 0, 0, ""),
        ("UTF-16", text(utf16("a")), 1, 0, "not UTF-8"),
        ("carriage returns alone", text("a\rb\r"), 0, 1, ""),
        ("millions of blank lines", bytes("a\n", "\n", 5_000_000, "b\n"), 0, 2, ""),
        ("zeros", bytes("", "\0", LONG, ""), 1, 0, bad),
        ("zeros between lines", bytes("a\n", "\0", LONG, "\nb\n"), 0, 2, "longer than"),
        ("a long line between lines", bytes("a\n", "x", LONG, "\nb\n"), 0, 2, "longer than"),
        ("many bad lines", bytes("", &"\u{e9}\n".as_bytes()[1..], 300_000, "a\n"), 0, 1, "counted only"),
        ("compressed", text(GZ), 1, 0, bad),
    ]
}

#[rustfmt::skip]
fn apps() -> Vec<Row> {
    vec![
        ("right", text(APP), 0, 0, ""),
        ("empty", text(""), 0, 0, ""),
        ("a mark of the byte order", text(format!("\u{feff}{APP}")), 0, 0, ""),
        ("UTF-16", text(utf16(APP)), 2, 0, "not UTF-8, byte 1"),
        ("carriage returns alone", text(APP.replace(' ', "\r")), 0, 0, ""),
        ("zeros", bytes("", "\0", 1 << 20, ""), 2, 0, "error: "),
        ("blanks", bytes("", " ", 1 << 20, ""), 0, 0, ""),
        ("a little too long", bytes(APP, " ", 1 << 20, ""), 2, 0, "1048576 are the limit"),
        ("far too long", bytes(APP, " ", LONG, ""), 2, 0, "larger than"),
        ("compressed", text(GZ), 2, 0, "not UTF-8"),
        ("zeros without end", Made::Device("/dev/zero"), 2, 0, "larger than"),
        ("nothing", Made::Nothing, 2, 0, "No such file"),
        ("a folder", Made::Folder, 2, 0, "Is a directory"),
        ("a link to itself", Made::Loop, 2, 0, "symbolic links"),
        ("a socket", Made::Socket, 2, 0, "No such device or address"),
        ("the null device", Made::Device("/dev/null"), 0, 0, ""),
    ]
}

/// Apps as the shell takes them: statement by statement, and an error is what ends a script.
fn statements() -> Vec<Row> {
    let taken = |(name, made, status, rows, told): Row| match name {
        "a little too long" => (name, made, 0, rows, ""),
        _ => (name, made, status.min(1), rows, told),
    };
    apps().into_iter().map(taken).collect()
}

#[rustfmt::skip]
fn imports() -> Vec<Row> {
    vec![
        ("empty", text(""), 1, 0, ""),
        ("zeros", bytes("", "\0", 1 << 20, ""), 1, 0, ""),
        ("a text", text(APP), 1, 0, ""),
        ("compressed", text(GZ), 1, 0, ""),
        ("zeros without end", Made::Device("/dev/zero"), 2, 0, "a device"),
        ("nothing", Made::Nothing, 2, 0, "No such file"),
        ("a folder", Made::Folder, 2, 0, "Is a directory"),
    ]
}

#[rustfmt::skip]
fn stores() -> Vec<Row> {
    vec![
        ("a text", text(APP), 2, 0, "no such folder"),
        ("an empty folder", Made::Folder, 0, 0, ""),
        ("nothing", Made::Nothing, 2, 0, ""),
        ("zeros without end", Made::Device("/dev/zero"), 2, 0, "no such folder"),
        ("a link to itself", Made::Loop, 2, 0, ""),
    ]
}

#[rustfmt::skip]
fn certificates() -> Vec<Row> {
    vec![
        ("zeros without end", Made::Device("/dev/zero"), 2, 0, "larger than"),
        ("a folder", Made::Folder, 2, 0, "Is a directory"),
    ]
}
