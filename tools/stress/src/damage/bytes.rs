//! What may become of the bytes of a file or a key.

use eventflux_kit::Random;

/// Kinds of damage, each as likely as the next.
const KINDS: [&str; 12] = [
    "a bit flipped",
    "bits flipped",
    "cut at the end",
    "cut at the front",
    "a piece lost",
    "doubled",
    "another's",
    "half another's",
    "emptied",
    "removed",
    "a piece zeroed",
    "extended",
];

/// Bytes after damage, which differ; `None` where nothing is left. Answers what was done, too.
pub fn damaged(
    random: &mut Random,
    bytes: &[u8],
    others: &[Vec<u8>],
) -> (&'static str, Option<Vec<u8>>) {
    loop {
        let kind = *random.pick(&KINDS);
        let done = match kind {
            "removed" => None,
            kind => Some(changed(random, kind, bytes, others)),
        };
        if done.as_deref() != Some(bytes) {
            return (kind, done);
        }
    }
}

fn changed(random: &mut Random, kind: &str, bytes: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut new = bytes.to_vec();
    let (from, to) = piece(random, bytes.len());
    match kind {
        "a bit flipped" => flip(random, &mut new),
        "bits flipped" => (0..2 + random.below(15)).for_each(|_| flip(random, &mut new)),
        "cut at the end" => new.truncate(from),
        "cut at the front" => drop(new.drain(..to)),
        "a piece lost" => drop(new.drain(from..to)),
        "doubled" => new.extend_from_slice(bytes),
        "another's" => new = other(random, bytes, others),
        "half another's" => {
            let other = other(random, bytes, others);
            new.truncate(bytes.len() / 2);
            new.extend_from_slice(&other[other.len().min(bytes.len() / 2)..]);
        }
        "a piece zeroed" => new[from..to].fill(0),
        "extended" => new.extend((0..=random.below(4096)).map(|_| random.below(256) as u8)),
        _ => new.clear(),
    }
    new
}

fn flip(random: &mut Random, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
    }
}

/// A range in so many bytes.
fn piece(random: &mut Random, length: usize) -> (usize, usize) {
    let mut place = || random.below(length as u64 + 1) as usize;
    let (a, b) = (place(), place());
    (a.min(b), a.max(b))
}

fn other(random: &mut Random, bytes: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    match others.len() as u64 {
        0 => bytes.to_vec(),
        n => others[random.below(n) as usize].clone(),
    }
}
