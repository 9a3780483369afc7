//! Attributes of serde that leave fields out or give them other shapes have no place in a format that does not
//! describe itself.

use std::fs;
use std::path::Path;

const BANNED: &[&str] = &["default", "flatten", "untagged", "skip_serializing_if"];

/// Words in `#[serde(…)]` and `#[cfg_attr(…, serde(…))]`, with their lines.
fn banned(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("serde(") {
        let attribute = text[at..].split(']').next().unwrap_or_default();
        let mut words = attribute.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|w| BANNED.contains(w)) {
            found.push((text[..at].matches('\n').count() + 1, word));
        }
    }
    found
}

#[test]
fn banned_attributes_are_seen() {
    let text = "#[serde(rename = \"x\")]\na: u8,\n#[serde(\n  default\n)]\nb: u8";
    assert_eq!(banned(text), [(3, "default")]);
}

#[test]
fn types_of_the_format_have_no_banned_attributes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("src/checkpoint")).expect("the folder exists");
    let mut files = 0;
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        let text = fs::read_to_string(&path).expect("sources are UTF-8");
        assert_eq!(banned(&text), [], "{}", path.display());
        let bincode = text
            .lines()
            .any(|l| !l.trim_start().starts_with("//") && l.contains("bincode"));
        assert_eq!(bincode, path.ends_with("codec.rs"), "{}", path.display());
        files += 1;
    }
    assert!(files >= 8, "the files of the format are found");
}
