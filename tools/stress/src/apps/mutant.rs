//! App number N of a seed: one of the corpus or of the model's generator, changed by bytes or by words.

use super::corpus::{Class, Corpus, words};
use super::model;
use eventflux_kit::Random;

/// The app of this number; not always text.
pub fn app(corpus: &Corpus, seed: u64, number: u64) -> Vec<u8> {
    let mut random = crate::case(seed, number);
    let r = &mut random;
    match r.below(10) {
        0..2 => crate::mutate::mutated(&mut |n| r.below(n as u64) as usize, &corpus.bytes),
        2..6 => {
            let app = &corpus.apps[r.below(corpus.apps.len() as u64) as usize];
            let changes = 1 + r.below(4);
            by_words(r, corpus, app, changes).into_bytes()
        }
        _ => {
            let app = model::app(r.below(u64::MAX >> 11));
            let changes = r.below(3);
            by_words(r, corpus, &app, changes).into_bytes()
        }
    }
}

/// An app with so many changes to its words.
fn by_words(r: &mut Random, corpus: &Corpus, app: &str, changes: u64) -> String {
    let mut text = app.to_string();
    for _ in 0..changes {
        let pieces = words(&text);
        let places: Vec<usize> = (0..pieces.len())
            .filter(|i| pieces[*i].0 != Class::Blank)
            .collect();
        if places.is_empty() {
            break;
        }
        let mut out: Vec<String> = pieces.iter().map(|(_, word)| word.to_string()).collect();
        change(r, corpus, &pieces, &places, &mut out);
        text = out.concat();
    }
    text
}

/// One change. `places`: of the words among the pieces.
fn change(
    r: &mut Random,
    corpus: &Corpus,
    pieces: &[(Class, &str)],
    places: &[usize],
    out: &mut [String],
) {
    let mut some = || r.below(places.len() as u64) as usize;
    let (at, other) = (places[some()], places[some()]);
    let run = some().min(6);
    let end = places[(some() + 1).min(places.len()) - 1].min(at + 2 * run);
    let class = pieces[at].0;
    let pool = corpus.pool(class);
    match r.below(12) {
        // words of the same class of the same text: names of other columns and streams, other numbers
        0..4 => {
            let alike: Vec<&str> = pieces
                .iter()
                .filter(|(c, _)| *c == class)
                .map(|(_, word)| *word)
                .collect();
            out[at] = r.pick(&alike).to_string();
        }
        4..8 if !pool.is_empty() => out[at] = pool[r.below(pool.len() as u64) as usize].clone(),
        8 => out.swap(at, other),
        9 => (at..=end.max(at)).for_each(|i| out[i].clear()),
        10 => {
            let piece = out[at..=end.max(at)].concat();
            out[at].insert_str(0, &format!("{piece} "));
        }
        // words of another text
        _ => {
            let from = &corpus.apps[r.below(corpus.apps.len() as u64) as usize];
            let others = words(from);
            let start = r.below(others.len() as u64) as usize;
            let stop = (start + r.below(12) as usize).min(others.len());
            let piece: String = others[start..stop].iter().map(|(_, w)| *w).collect();
            out[at] = format!("{piece} ");
        }
    }
}
