//! The right name for a wrong one, in bounded time.

/// Bytes of a wrong name for which a similar known one is looked for.
pub(crate) const SUGGESTED_BYTES_MAX: usize = 64;

/// Names among which a similar one is looked for.
const SEARCHED_NAMES_MAX: usize = 1_000;

/// Names that a remedy lists.
pub(crate) const LISTED_NAMES_MAX: usize = 24;

/// Names that other engines give to functions and aggregates, and ours.
const FOREIGN_NAMES: [(&str, &str); 11] = [
    ("char_length", "length"),
    ("date_add", "dateAdd"),
    ("date_diff", "dateDiff"),
    ("date_format", "formatDate"),
    ("mean", "avg"),
    ("quantile", "percentile"),
    ("percentile_cont", "percentile"),
    ("stdev", "stdDev"),
    ("strlen", "length"),
    ("str_to_date", "parseDate"),
    ("strftime", "formatDate"),
];

/// The name nearest to the wrong one, or some of those known when none is near; `None` when none is known.
pub(crate) fn remedy<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known = known.into_iter();
    let looked_at: Vec<&str> = known.by_ref().take(SEARCHED_NAMES_MAX).collect();
    match nearest(wrong, &looked_at) {
        Some(name) => Some(format!("did you mean '{name}'?")),
        None if looked_at.is_empty() => None,
        None => {
            let listed = &looked_at[..looked_at.len().min(LISTED_NAMES_MAX)];
            let mut remedy = format!("known: {}", listed.join(", "));
            let more = looked_at.len() - listed.len() + known.count();
            if more > 0 {
                remedy += &format!(" and {more} more");
            }
            Some(remedy)
        }
    }
}

/// The name of `known` that differs from `wrong` in the fewest edits, if that is near enough to be meant.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    if wrong.len() > SUGGESTED_BYTES_MAX {
        return None;
    }
    let wrong: Vec<char> = wrong.to_ascii_lowercase().chars().collect();
    let most = 1 + wrong.len() / 4;
    let distance = |name: &&'a str| Some((edits(&wrong, name, most)?, *name));
    let best = known.iter().filter_map(distance).min_by_key(|(n, _)| *n)?;
    Some(best.1)
}

/// Up to three names of many that may be meant: those that differ in few edits, or of which one contains the other.
pub(super) fn likely<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if wrong.len() > SUGGESTED_BYTES_MAX {
        return Vec::new();
    }
    let wrong = wrong.to_ascii_lowercase();
    let known: Vec<&str> = known.take(SEARCHED_NAMES_MAX).collect();
    let foreign = FOREIGN_NAMES.iter().find(|(theirs, _)| *theirs == wrong);
    if let Some(name) = foreign.and_then(|(_, ours)| known.iter().find(|name| *name == ours)) {
        return vec![name];
    }
    let letters: Vec<char> = wrong.chars().collect();
    let most = 1 + letters.len() / 4;
    let rank = |name: &'a str| {
        let lower = name.to_ascii_lowercase();
        let part = |a: &str, b: &str| b.len() > 2 && a.contains(b);
        let is_part = part(&lower, &wrong) || part(&wrong, &lower);
        match edits(&letters, &lower, most) {
            Some(edits) => Some((edits, name)),
            None => is_part.then_some((most + 1, name)),
        }
    };
    let mut near: Vec<(usize, &str)> = known.into_iter().filter_map(rank).collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(3);
    near.into_iter().map(|(_, name)| name).collect()
}

/// Levenshtein distance, if it is at most so much.
fn edits(wrong: &[char], known: &str, most: usize) -> Option<usize> {
    // a character takes at most four bytes
    if known.len() > 4 * (wrong.len() + most) {
        return None;
    }
    let known: Vec<char> = known.to_ascii_lowercase().chars().collect();
    if known.len().abs_diff(wrong.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (i, x) in wrong.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in known.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    Some(row[known.len()]).filter(|n| *n <= most)
}
