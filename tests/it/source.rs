//! Rust sources as text: the files of a folder, and their code without comments, strings and test modules.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub struct Source {
    /// Path from the root of the project, with `/`.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// The same length in lines; comments and the insides of strings and characters are blank.
    pub code: String,
}

/// The root of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with this ending below a folder of the project, sorted; none where the folder is absent.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|n| n != "target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Path from the root, with `/`.
pub fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("files lie below the root");
    inside.to_string_lossy().replace('\\', "/")
}

/// The Rust sources below some folders.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let paths = folders.iter().flat_map(|f| files(f, "rs"));
    paths
        .map(|path| {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            Source {
                path: relative(&path),
                code: code(&text),
                text,
            }
        })
        .collect()
}

impl Source {
    /// Whether the whole file is tests.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.ends_with("_models.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("benches/")
    }

    /// The code before the first `#[cfg(test)]` or `#[cfg(all(test, …))]` that opens a module of tests.
    pub fn code_without_tests(&self) -> &str {
        let marks = [
            "#[cfg(test)]\nmod",
            "#[cfg(all(test, not(eventflux_loom)))]\nmod",
        ];
        let end = marks.iter().filter_map(|m| self.code.find(m)).min();
        &self.code[..end.unwrap_or(self.code.len())]
    }

    /// Lines, counted from 1, of the code in which a word stands alone.
    pub fn lines_with(&self, word: &str) -> Vec<usize> {
        (self.code.lines().enumerate())
            .filter(|(_, line)| has_word(line, word))
            .map(|(i, _)| i + 1)
            .collect()
    }
}

/// Whether `word` stands in `line` with no letter, digit or `_` beside it.
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(i, _)| {
        let before = line[..i].chars().next_back();
        let after = line[i + word.len()..].chars().next();
        let joined_before = before.is_some_and(part) && word.starts_with(part);
        let joined_after = after.is_some_and(part) && word.ends_with(part);
        !joined_before && !joined_after
    })
}

/// Blanks comments and the insides of strings and characters; keeps the lines.
fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = skipped(&chars, i);
        if end == i {
            out.push(chars[i]);
            i += 1;
            continue;
        }
        out.extend(chars[i..end].iter().map(|c| match c {
            '\n' => '\n',
            _ => ' ',
        }));
        i = end;
    }
    out
}

/// One past the comment, string or character that begins at `i`; `i` where none does.
fn skipped(chars: &[char], i: usize) -> usize {
    let at = |k: usize| chars.get(i + k).copied().unwrap_or('\0');
    let find = |from: usize, stop: &dyn Fn(usize) -> bool| {
        (from..chars.len())
            .find(|k| stop(*k))
            .unwrap_or(chars.len())
    };
    let name = |c: char| c.is_alphanumeric() || c == '_';
    let inside_name = i > 0 && name(chars[i - 1]);
    match (at(0), at(1)) {
        ('/', '/') => find(i, &|k| chars[k] == '\n'),
        ('/', '*') => (find(i + 2, &|k| chars[k..].starts_with(&['*', '/'])) + 2).min(chars.len()),
        ('r', '#' | '"') if !inside_name => raw_string(chars, i),
        ('"', _) => string(chars, i),
        ('\'', '\\') => (find(i + 3, &|k| chars[k] == '\'') + 1).min(chars.len()),
        ('\'', _) if at(2) == '\'' => i + 3,
        _ => i,
    }
}

fn string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// One past `r"…"` or `r#"…"#`; `start` where it is a raw identifier.
fn raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let from = start + 2 + hashes;
    let end = (from..chars.len()).find(|k| chars[*k..].starts_with(&close));
    end.map_or(chars.len(), |k| k + close.len())
}

#[test]
fn code_keeps_lines_and_blanks_text() {
    let text = "let a = \"fn x{\"; // b {\nlet c = 'd'; /* { */ let r = r#\"e\"{\"#;\nlet l: &'static str;";
    let code = code(text);
    assert_eq!(code.lines().count(), 3);
    assert!(!code.contains('{') && !code.contains("fn"));
    assert!(code.contains("let l: &'static str;"));
    assert!(has_word("a unsafe { }", "unsafe") && !has_word("unsafe_code", "unsafe"));
    assert!(has_word("println!(", "println!") && !has_word("eprintln!(", "println!"));
}
