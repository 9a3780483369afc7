//! The catalogue of an app as a text, of which two files hold a copy each.
//!
//! ```text
//! eventflux-catalogue 2
//! app orders
//! serial 117
//! generation 3
//! epoch 42
//! commit 3-40 00112233445566778899aabbccddeeff
//! blob 3-41 00112233445566778899aabbccddeeff
//! pin before-upgrade 3-40
//! dead 2-17 0 1 5
//! sum 0011223344556677
//! ```
//!
//! `serial` grows with every write and tells which of two copies is newer. `epoch` is the greatest one seen, `commit`
//! and `blob` are the revisions in order with their digests, `dead` the chunks that were deleted while others of their
//! segment are needed, `sum` the xxh3-64 of all bytes before it.
//!
//! Version 1, of stores with one file, has neither `app` nor `serial`. It is read, and older than any of version 2: a
//! build that wrote version 1 refuses version 2, so none was written after one of that.

use super::super::ledger::{Kept, Ledger};
use super::super::name::check_name;
use super::{Entry, Revision};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_64;

const FIRST_LINE: &str = "eventflux-catalogue 2";
const FIRST_LINE_1: &str = "eventflux-catalogue 1";

/// What stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// Number of the write, from 1; 0 for a catalogue of version 1, and for one that was never written.
    pub(super) serial: u64,
    pub(super) ledger: Ledger,
    /// Chunks deleted out of segments that are kept, by the segment's revision.
    pub(super) dead: BTreeMap<Revision, BTreeSet<u32>>,
}

impl Saved {
    /// Whether a chunk was deleted.
    pub(super) fn is_dead(&self, revision: Revision, number: u32) -> bool {
        self.dead
            .get(&revision)
            .is_some_and(|d| d.contains(&number))
    }

    pub(super) fn encode(&self, app: &str) -> String {
        let ledger = &self.ledger;
        let mut text = format!(
            "{FIRST_LINE}\napp {app}\nserial {}\ngeneration {}\nepoch {}\n",
            self.serial, ledger.generation, ledger.epoch
        );
        let mut line = |args: std::fmt::Arguments<'_>| {
            (text.write_fmt(args)).expect("a String takes what is written")
        };
        for Kept { entry, whole } in &ledger.revisions {
            let kind = if *whole { "blob" } else { "commit" };
            let Entry { revision, digest } = entry;
            line(format_args!("{kind} {revision} {digest:032x}\n"));
        }
        for (name, revision) in &ledger.pins {
            line(format_args!("pin {name} {revision}\n"));
        }
        for (revision, numbers) in &self.dead {
            line(format_args!("dead {revision}"));
            for number in numbers {
                line(format_args!(" {number}"));
            }
            line(format_args!("\n"));
        }
        let sum = xxh3_64(text.as_bytes());
        text + &format!("sum {sum:016x}\n")
    }

    /// Reads the file of an app; what is wrong with it where it cannot be read.
    pub(super) fn decode(bytes: &[u8], app: &str) -> Result<Saved, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        let sum = text.rfind("sum ").ok_or("it has no sum")?;
        let (body, sum) = text.split_at(sum);
        if sum != format!("sum {:016x}\n", xxh3_64(body.as_bytes())) {
            return Err("its sum is another one".to_string());
        }
        let mut lines = body.lines();
        let mut saved = Saved::default();
        match lines.next() {
            Some(FIRST_LINE) => saved.serial = read_second_version(&mut lines, app)?,
            Some(FIRST_LINE_1) => {}
            _ => return Err(format!("it does not begin with '{FIRST_LINE}'")),
        }
        for line in lines {
            saved
                .read(line)
                .ok_or_else(|| format!("'{line}' is no line of a catalogue"))?;
        }
        let in_order = saved
            .ledger
            .revisions
            .is_sorted_by(|a, b| a.entry.revision.epoch < b.entry.revision.epoch);
        match in_order {
            true => Ok(saved),
            false => Err("its revisions are not in order".to_string()),
        }
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let ledger = &mut self.ledger;
        match words.next()? {
            "generation" => ledger.generation = words.next()?.parse().ok()?,
            "epoch" => ledger.epoch = words.next()?.parse().ok()?,
            kind @ ("commit" | "blob") => {
                let revision = words.next()?.parse().ok()?;
                let digest = u128::from_str_radix(words.next()?, 16).ok()?;
                let entry = Entry { revision, digest };
                let whole = kind == "blob";
                ledger.revisions.push(Kept { entry, whole });
            }
            "pin" => {
                let name = words.next()?;
                check_name("name of a pin", name).ok()?;
                let revision = words.next()?.parse().ok()?;
                ledger.pins.insert(name.to_string(), revision);
            }
            "dead" => {
                let revision = words.next()?.parse().ok()?;
                let numbers: Option<_> = words.by_ref().map(|n| n.parse().ok()).collect();
                self.dead.insert(revision, numbers?);
            }
            _ => return None,
        }
        words.next().is_none().then_some(())
    }
}

/// Reads the lines that version 1 does not have; returns the serial.
fn read_second_version(lines: &mut std::str::Lines<'_>, app: &str) -> Result<u64, String> {
    let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
    let of = value("app").ok_or("it names no app")?;
    if of != app {
        return Err(format!("it is that of app '{}'", of.escape_debug()));
    }
    let serial = value("serial").and_then(|serial| serial.parse().ok());
    Ok(serial
        .filter(|serial| *serial > 0)
        .ok_or("it has no serial")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "orders";

    fn saved() -> Saved {
        let revision = |g, e| Revision {
            generation: g,
            epoch: e,
        };
        let kept = |r, digest, whole| Kept {
            entry: Entry {
                revision: r,
                digest,
            },
            whole,
        };
        let mut saved = Saved {
            serial: 117,
            ..Saved::default()
        };
        saved.ledger.generation = 3;
        saved.ledger.epoch = 50;
        saved.ledger.revisions = vec![
            kept(revision(2, 7), 1, false),
            kept(revision(3, 40), u128::MAX, true),
        ];
        let pins = &mut saved.ledger.pins;
        pins.insert("before-2.0".to_string(), revision(2, 7));
        saved.dead.insert(revision(1, 3), BTreeSet::from([0, 9]));
        saved
    }

    /// A text with the sum of its lines.
    fn summed(body: &str) -> String {
        format!("{body}sum {:016x}\n", xxh3_64(body.as_bytes()))
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let small = Saved {
            serial: 1,
            ..Saved::default()
        };
        for saved in [small, saved()] {
            assert_eq!(Saved::decode(saved.encode(APP).as_bytes(), APP), Ok(saved));
        }
    }

    #[test]
    fn the_first_version_is_read_as_older_than_all_others() {
        let text = saved().encode(APP);
        let lines = text.lines().filter(|l| {
            let words = ["eventflux-catalogue ", "app ", "serial ", "sum "];
            !words.iter().any(|word| l.starts_with(word))
        });
        let lines: Vec<&str> = lines.collect();
        let body = format!("{FIRST_LINE_1}\n{}\n", lines.join("\n"));
        let first = Saved {
            serial: 0,
            ..saved()
        };
        assert_eq!(Saved::decode(summed(&body).as_bytes(), APP), Ok(first));
    }

    #[test]
    fn no_changed_or_shortened_text_is_read() {
        let text = saved().encode(APP);
        for i in 0..text.len() {
            let cut = Saved::decode(&text.as_bytes()[..i], APP);
            assert!(cut.is_err(), "cut at {i}");
            let mut bytes = text.clone().into_bytes();
            bytes[i] ^= 1;
            assert!(Saved::decode(&bytes, APP).is_err(), "bit at {i}");
        }
        let other = Saved::decode(text.as_bytes(), "order");
        assert_eq!(other, Err("it is that of app 'orders'".to_string()));
    }

    #[test]
    fn hostile_lines_with_a_fitting_sum_are_refused() {
        let lines = [
            "generation",
            "generation -1",
            "epoch 99999999999999999999",
            "commit 1-1",
            "commit 1-1 xyz",
            "commit 1-1 0 0",
            "pin ../x 1-1",
            "dead 1-1 4294967296",
            "app orders",
            "other",
            "",
            "commit 1-2 0\ncommit 1-1 0",
        ];
        for line in lines {
            for first in [
                FIRST_LINE_1.to_string(),
                format!("{FIRST_LINE}\napp {APP}\nserial 1"),
            ] {
                let text = summed(&format!("{first}\n{line}\n"));
                assert!(Saved::decode(text.as_bytes(), APP).is_err(), "{line}");
            }
        }
        for head in [
            "",
            "\napp",
            "\napp orders",
            "\nserial 1",
            "\napp orders\nserial 0",
        ] {
            let text = summed(&format!("{FIRST_LINE}{head}\n"));
            assert!(Saved::decode(text.as_bytes(), APP).is_err(), "{head}");
        }
    }
}
