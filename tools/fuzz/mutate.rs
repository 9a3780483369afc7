//! Changes to the bytes of an input. Shared by `tests/it/fuzz.rs` and `tools/stress`, each with a generator of its own.

/// One to four changes to one of the corpus: a piece of another input, a byte, a piece lost, a piece twice.
/// `below(n)` is a random number below `n`, which is at least 1.
pub fn mutated(below: &mut dyn FnMut(usize) -> usize, corpus: &[Vec<u8>]) -> Vec<u8> {
    const SIGNS: &[u8] = b"(),;.'\"@[]{}:=<>*/-0129eE \n\\%_#!\xc3\xff\x00";
    let mut data = corpus[below(corpus.len())].clone();
    for _ in 0..=below(4) {
        let start = below(data.len() + 1);
        let end = (start + below(12)).min(data.len());
        match below(5) {
            0 => {
                let other = &corpus[below(corpus.len())];
                let from = below(other.len() + 1);
                let to = (from + below(24)).min(other.len());
                data.splice(start..end, other[from..to].iter().copied());
            }
            1 => data.insert(start, SIGNS[below(SIGNS.len())]),
            2 => drop(data.drain(start..end)),
            3 => {
                let piece = data[start..end].to_vec();
                data.splice(start..start, piece);
            }
            _ if start < data.len() => data[start] = below(256) as u8,
            _ => {}
        }
    }
    data
}
