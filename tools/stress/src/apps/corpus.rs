//! The apps that mutated ones are made of, and their words.

use crate::failure::Failure;
use crate::repository::{contents, text};

/// What a piece of a text is; words are replaced by words of their own class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Blank,
    /// In capitals: keywords and types.
    Keyword,
    Name,
    /// A name with a parenthesis behind it.
    Call,
    Number,
    Quoted,
    Sign,
}

/// Numbers at the borders of types and of limits.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "7",
    "255",
    "4096",
    "100001",
    "1000000",
    "1000001",
    "2147483647",
    "2147483648",
    "9007199254740993",
    "22090320000000000",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "0.1",
    "0.5",
    "1.5",
    "1e308",
    "1e309",
    "1e-400",
    "5e-324",
    "1e1000000",
    "00",
    ".5",
];

/// Texts that mean something to some function, window or option.
const QUOTED: &[&str] = &[
    "''",
    "'a'",
    "'%'",
    "'_%\\'",
    "'\\'",
    "'[a-z]+$'",
    "'(a|b)*?'",
    "'('",
    "'a{1000}{1000}'",
    "'(?i)é'",
    "'*/7 * * * * *'",
    "'0 0 0 29 2 ?'",
    "'* * *'",
    "'2024-02-29T12:00:00Z'",
    "'9999-12-31'",
    "'Europe/Berlin'",
    "'+23:59'",
    "'%Y-%m-%d %H:%M:%S%.f %Z'",
    "'%'",
    "'%9999999Y'",
    "'month'",
    "'millisecond'",
    "'count() < 3'",
    "'sum(v) <= 10'",
    "'first.v < last.v'",
    "'1 SECONDS'",
    "'-1 DAYS'",
    "'STRING'",
    "'\u{1b}[2J\u{0}'",
    "\"v\"",
    "\"é\"",
];

/// Apps and words.
pub struct Corpus {
    pub apps: Vec<String>,
    /// The same apps.
    pub bytes: Vec<Vec<u8>>,
    keywords: Vec<String>,
    names: Vec<String>,
    calls: Vec<String>,
    numbers: Vec<String>,
    quoted: Vec<String>,
    signs: Vec<String>,
}

impl Corpus {
    /// The corpus of the fuzz target, the examples, the blocks of the pages, and the cases of the tests.
    pub fn read() -> Result<Self, Failure> {
        let mut apps: Vec<String> = Vec::new();
        for (folder, ending) in [("tools/fuzz/corpus/parse_app", "sql"), ("examples", "sql")] {
            let files = contents(folder, ending)?.into_iter();
            apps.extend(files.filter_map(|bytes| String::from_utf8(bytes).ok()));
        }
        for page in ["docs/language.md", "docs/coming-from.md"] {
            let page = text(page)?;
            apps.extend(between(&page, "```sql\n", "```"));
        }
        for cases in contents("tests/it/script", "evt")? {
            let cases = String::from_utf8_lossy(&cases);
            let bodies = cases
                .split("\n==== ")
                .skip(1)
                .filter_map(|c| c.split_once('\n'));
            let texts = bodies.filter_map(|(_, body)| body.split("\n----").next());
            apps.extend(texts.map(str::to_string));
        }
        if apps.len() < 100 {
            let message = format!("{} apps in the corpus, expected more than 100", apps.len());
            return Err(Failure::new(message));
        }
        Ok(Corpus::of(apps))
    }

    fn of(apps: Vec<String>) -> Self {
        let owned = |of: &[&str]| of.iter().map(|w| w.to_string()).collect();
        let mut corpus = Corpus {
            bytes: apps.iter().map(|a| a.clone().into_bytes()).collect(),
            keywords: Vec::new(),
            names: Vec::new(),
            calls: Vec::new(),
            numbers: owned(NUMBERS),
            quoted: owned(QUOTED),
            signs: Vec::new(),
            apps,
        };
        for app in corpus.apps.clone() {
            for (class, word) in words(&app) {
                let pool = corpus.pool_mut(class);
                if class != Class::Blank && !pool.iter().any(|w| w == word) {
                    pool.push(word.to_string());
                }
            }
        }
        corpus
    }

    fn pool_mut(&mut self, class: Class) -> &mut Vec<String> {
        match class {
            Class::Keyword => &mut self.keywords,
            Class::Name => &mut self.names,
            Class::Call => &mut self.calls,
            Class::Number => &mut self.numbers,
            Class::Quoted => &mut self.quoted,
            Class::Blank | Class::Sign => &mut self.signs,
        }
    }

    /// The words of a class.
    pub fn pool(&self, class: Class) -> &[String] {
        match class {
            Class::Keyword => &self.keywords,
            Class::Name => &self.names,
            Class::Call => &self.calls,
            Class::Number => &self.numbers,
            Class::Quoted => &self.quoted,
            Class::Blank | Class::Sign => &self.signs,
        }
    }
}

/// What stands between two marks, each time that they do.
fn between(text: &str, from: &str, to: &str) -> Vec<String> {
    let parts = text.split(from).skip(1);
    parts
        .filter_map(|part| part.split_once(to))
        .map(|(inside, _)| inside.to_string())
        .collect()
}

/// The pieces of a text, in order and without a gap.
pub fn words(text: &str) -> Vec<(Class, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |of: &dyn Fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
        let (class, end) = match first {
            c if c.is_whitespace() => (Class::Blank, run(&|c| c.is_whitespace())),
            c if c.is_ascii_digit() => (
                Class::Number,
                run(&|c| c.is_ascii_alphanumeric() || c == '.'),
            ),
            c if is_name(c) => {
                let end = run(&is_name);
                match rest[end..].starts_with('(') {
                    true => (Class::Call, end),
                    false if is_keyword(&rest[..end]) => (Class::Keyword, end),
                    false => (Class::Name, end),
                }
            }
            quote @ ('\'' | '"') => {
                let end = rest[1..].find(quote).map_or(rest.len(), |i| i + 2);
                (Class::Quoted, end)
            }
            c => (Class::Sign, c.len_utf8()),
        };
        found.push((class, &rest[..end]));
        rest = &rest[end..];
    }
    found
}

fn is_keyword(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
