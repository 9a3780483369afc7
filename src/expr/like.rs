//! LIKE: `%` is any run of characters, `_` one character, `\` takes the next sign literally. Case-sensitive.
//!
//! Why: a literal pattern is almost always a prefix, a suffix or a part, which `str` searches faster than any
//! matcher.

/// A pattern known when the app is built.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LikePattern {
    /// No wildcard.
    Exact(String),
    /// `x%`.
    Prefix(String),
    /// `%x`.
    Suffix(String),
    /// `%x%`.
    Part(String),
    /// Anything else: matched as written.
    General(String),
}

impl LikePattern {
    pub(super) fn new(pattern: &str) -> Self {
        let inner = pattern.strip_prefix('%');
        let (open, rest) = (inner.is_some(), inner.unwrap_or(pattern));
        let mut text = String::new();
        let mut signs = rest.chars();
        while let Some(c) = signs.next() {
            match c {
                '%' if signs.as_str().is_empty() => {
                    return if open {
                        LikePattern::Part(text)
                    } else {
                        LikePattern::Prefix(text)
                    };
                }
                '%' | '_' => return LikePattern::General(pattern.to_string()),
                '\\' => text.push(signs.next().unwrap_or('\\')),
                c => text.push(c),
            }
        }
        if open {
            LikePattern::Suffix(text)
        } else {
            LikePattern::Exact(text)
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            LikePattern::Exact(x) => text == x,
            LikePattern::Prefix(x) => text.starts_with(x.as_str()),
            LikePattern::Suffix(x) => text.ends_with(x.as_str()),
            LikePattern::Part(x) => text.contains(x.as_str()),
            LikePattern::General(x) => like(text, x),
        }
    }
}

/// Matches a pattern as written.
///
/// Cost: O(text × pattern) at worst: only the last `%` is ever retried.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // where to go on after a mismatch: behind the last `%`, one character later in the text
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = text.clone();
        let matched = match pattern.next() {
            None => text.next().is_none(),
            Some('%') => {
                retry = Some((before.clone(), pattern.clone()));
                text = before;
                continue;
            }
            Some('_') => text.next().is_some(),
            Some('\\') => {
                let literal = pattern.next().unwrap_or('\\');
                text.next() == Some(literal)
            }
            Some(c) => text.next() == Some(c),
        };
        if matched {
            // the pattern is used up only when the text is, see above
            if text.as_str().is_empty() && pattern.as_str().is_empty() {
                return true;
            }
            continue;
        }
        let Some((rest, after)) = &mut retry else {
            return false;
        };
        if rest.next().is_none() {
            return false;
        }
        text = rest.clone();
        pattern = after.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::{LikePattern, like};

    #[test]
    fn patterns() {
        let cases = [
            ("", "", true),
            ("a", "", false),
            ("", "%", true),
            ("", "%%", true),
            ("", "_", false),
            ("abc", "abc", true),
            ("abc", "ABC", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "%x%", false),
            ("abc", "a_c", true),
            ("abc", "a__", true),
            ("abc", "a___", false),
            ("abc", "%a%b%c%", true),
            ("abcbc", "a%bc", true),
            ("aXbXc", "a%b%c", true),
            ("aaab", "%ab", true),
            ("ab", "%ab_", false),
            ("50%", "50\\%", true),
            ("500", "50\\%", false),
            ("a_b", "a\\_b", true),
            ("axb", "a\\_b", false),
            ("a\\b", "a\\\\b", true),
            ("a\\", "a\\", true),
            ("%x", "\\%%", true),
            ("grün", "gr_n", true),
            ("日本語", "_本%", true),
            ("日本語", "%語", true),
            ("mississippi", "m%iss%ip_i", true),
            ("mississippi", "m%iss%ip_x", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(like(text, pattern), expected, "{text} LIKE {pattern}");
            let compiled = LikePattern::new(pattern);
            assert_eq!(compiled.matches(text), expected, "{text} {compiled:?}");
        }
    }
}
