//! Windows as other dialects write them, and how the same is written here, with the stream and the times of the text.

use super::parser::Parser;
use super::token::Kind;
use crate::error::Fault;

/// What such a window is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Tumbling,
    /// The text gives how long first, then how often.
    Hopping,
    /// The other way round.
    Hop,
    Session,
}

/// How windows begin elsewhere: as functions over a table, as functions in GROUP BY, and behind WINDOW.
const WORDS: &[(&str, Meant)] = &[
    ("TUMBLE", Meant::Tumbling),
    ("TUMBLING", Meant::Tumbling),
    ("HOP", Meant::Hop),
    ("HOPPING", Meant::Hopping),
    ("CUMULATE", Meant::Hop),
    ("SESSION", Meant::Session),
];

/// How far a text is looked at.
const TOKENS_MAX: usize = 48;

impl Parser<'_> {
    /// `FROM TUMBLE(TABLE S, …)`, `FROM TABLE(TUMBLE(…))`.
    pub(super) fn window_as_table(&self) -> Option<Fault> {
        if !self.is_sign(1, &Kind::LParen) {
            return None;
        }
        let at = match self.is("TABLE") {
            true => 2,
            false => 0,
        };
        self.foreign_window(at)
    }

    /// `WINDOW TUMBLING (…)`, behind WINDOW.
    pub(super) fn window_by_word(&self) -> Option<Fault> {
        self.foreign_window(0)
    }

    /// `GROUP BY TUMBLE(t, INTERVAL …)`. A function may have such a name, but no argument of one is an interval.
    pub(super) fn window_as_call(&self) -> Option<Fault> {
        let fault = self.foreign_window(0)?;
        let mut inside = self.inside(0);
        inside.any(|n| self.is_word(n, "INTERVAL")).then_some(fault)
    }

    fn foreign_window(&self, at: usize) -> Option<Fault> {
        let word = self.word(at)?;
        let same = |(known, _): &&(&str, Meant)| known.eq_ignore_ascii_case(word);
        let (_, meant) = WORDS.iter().find(same)?;
        let mut times = Vec::new();
        let mut stream = None;
        for n in self.inside(at) {
            if self.is_word(n, "TABLE") {
                stream = self.word(n + 1).or(stream);
            }
            times.extend(self.time_at(n));
        }
        let (first, second) = match times.as_slice() {
            [] => ("10 SECONDS", "5 SECONDS"),
            [only] => (only.as_str(), only.as_str()),
            [first, second, ..] => (first.as_str(), second.as_str()),
        };
        let window = match meant {
            Meant::Tumbling => format!("WINDOW('tumbling', {first})"),
            Meant::Hopping => format!("WINDOW('hop', {first}, {second})"),
            Meant::Hop => format!("WINDOW('hop', {second}, {first})"),
            Meant::Session => format!("WINDOW('sessionBatch', {first})"),
        };
        let remedy = match stream {
            Some(stream) => format!("write FROM {stream} {window}"),
            None => format!("write {window} behind the stream"),
        };
        let message = format!("a window is not written as {}", word.to_ascii_uppercase());
        Some(Fault::new(self.token(at).span, message).help(remedy))
    }

    /// The tokens in the parentheses behind one, as far as is looked.
    fn inside(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let mut depth = 0;
        (at + 1..at + TOKENS_MAX).take_while(move |n| {
            match self.token(*n).kind {
                Kind::LParen => depth += 1,
                Kind::RParen => depth -= 1,
                Kind::EOF | Kind::SemiColon => depth = 0,
                _ => {}
            }
            depth > 0
        })
    }

    /// A number and a unit, with or without quotes, as it is written here.
    fn time_at(&self, n: usize) -> Option<String> {
        const UNITS: [&str; 5] = ["MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"];
        let number = match &self.token(n).kind {
            Kind::Number(text, _) | Kind::SingleQuotedString(text) => text.trim(),
            _ => return None,
        };
        let unit = self.word(n + 1)?.to_ascii_uppercase();
        let unit = unit.strip_suffix('S').unwrap_or(&unit);
        let is_count = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        (is_count && UNITS.contains(&unit)).then(|| format!("{number} {unit}S"))
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::parse;

    #[test]
    fn a_window_of_others_is_written_as_here() {
        for (rest, remedy) in [
            (
                "FROM TABLE(TUMBLE(TABLE S, DESCRIPTOR(ts), INTERVAL '10' SECOND))",
                "write FROM S WINDOW('tumbling', 10 SECONDS)",
            ),
            (
                "FROM tumble(TABLE S, DESCRIPTOR(ts), INTERVAL '3' MINUTES)",
                "write FROM S WINDOW('tumbling', 3 MINUTES)",
            ),
            (
                "FROM HOP(TABLE S, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '1' HOUR)",
                "write FROM S WINDOW('hop', 1 HOURS, 5 SECONDS)",
            ),
            (
                "FROM SESSION(TABLE S, DESCRIPTOR(ts), INTERVAL '5' SECOND)",
                "write FROM S WINDOW('sessionBatch', 5 SECONDS)",
            ),
            (
                "FROM S WINDOW TUMBLING(10 SECONDS)",
                "write WINDOW('tumbling', 10 SECONDS) behind the stream",
            ),
            (
                "FROM S WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS) GROUP BY k",
                "write WINDOW('hop', 30 SECONDS, 10 SECONDS) behind the stream",
            ),
            (
                "FROM S GROUP BY TUMBLE(ts, INTERVAL '1' DAY)",
                "write WINDOW('tumbling', 1 DAYS) behind the stream",
            ),
            ("FROM S WHERE k = ‘a’", "write straight quotes: 'text'"),
            (
                "FROM S WHERE k = “a”",
                "write straight quotes: 'text' for a string, \"name\" for a name",
            ),
            (
                "FROM S GROUP BY k EMIT CHANGES",
                "remove it: rows go on as they come, and those of a batch window when it closes",
            ),
        ] {
            let text = format!("INSERT INTO O SELECT sum(v) AS s {rest};");
            let (_, faults) = parse(&text);
            let told = faults.first().and_then(|f| f.remedy.as_deref());
            assert_eq!(told, Some(remedy), "{text}: {faults:?}");
        }
    }

    #[test]
    fn a_function_may_be_called_like_a_window() {
        let (_, faults) = parse("INSERT INTO O SELECT hop(v, 3) AS s FROM S;");
        assert_eq!(faults, []);
    }
}
