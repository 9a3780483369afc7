//! Times that a cron expression names, in UTC: `sec min hour day-of-month month day-of-week`.
//!
//! How: one bit per allowed value of a field; the next time is found day by day and, within a day, field by field.
//! Five fields begin with the minute. Days of the week count from 1 = SUN. Of the two days one is `*` or `?`: both
//! given could mean either or both, so that is refused.

use crate::event::Timestamp;

/// 29 February comes back after at most 8 years, around a year like 2100.
const DAYS_MAX: i64 = 9 * 366;
const SECOND_US: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The most days a month can have.
const MONTH_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// One field: its name, its range, and names for its values from the lowest on.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field {
        name: "second",
        min: 0,
        max: 59,
        names: &[],
    },
    Field {
        name: "minute",
        min: 0,
        max: 59,
        names: &[],
    },
    Field {
        name: "hour",
        min: 0,
        max: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        min: 1,
        max: 31,
        names: &[],
    },
    Field {
        name: "month",
        min: 1,
        max: 12,
        names: &MONTHS,
    },
    Field {
        name: "day of the week",
        min: 1,
        max: 7,
        names: &WEEKDAYS,
    },
];

/// A parsed cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crontab {
    /// Bit `v` of a field is set when the value `v` is allowed.
    fields: [u64; 6],
}

impl Crontab {
    /// Reads an expression; an error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<&str> = text.split_whitespace().collect();
        if parts.len() == 5 {
            parts.insert(0, "0");
        }
        if parts.len() != 6 {
            return Err(format!(
                "a cron expression has 6 fields (second minute hour day month weekday), this one has {}",
                parts.len()
            ));
        }
        let any = |part: &str| part == "*" || part == "?";
        if !any(parts[3]) && !any(parts[5]) {
            return Err("of day of the month and day of the week one must be '?'".to_string());
        }
        let mut fields = [0; 6];
        for (i, (field, part)) in FIELDS.iter().zip(&parts).enumerate() {
            if *part == "?" && i != 3 && i != 5 {
                return Err(format!("'?' stands for a day, not for the {}", field.name));
            }
            fields[i] = field.parse(part)?;
        }
        let crontab = Crontab { fields };
        let months = (1..=12).filter(|m| crontab.allows(4, *m));
        let longest = months
            .map(|m| MONTH_DAYS[m as usize - 1])
            .max()
            .unwrap_or(0);
        if fields[3].trailing_zeros() > longest {
            return Err("it never fires: no such month has that day".to_string());
        }
        Ok(crontab)
    }

    #[inline]
    fn allows(&self, field: usize, value: u32) -> bool {
        self.fields[field] >> value & 1 == 1
    }

    /// The smallest allowed value of a field from `value` on.
    #[inline]
    fn from(&self, field: usize, value: u32) -> Option<u32> {
        let rest = self.fields[field].checked_shr(value)?;
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    /// The first time after `after`; none beyond the end of time.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let second = after.0.div_euclid(SECOND_US) + 1;
        let (first, mut time) = (
            second.div_euclid(DAY_SECONDS),
            second.rem_euclid(DAY_SECONDS) as u32,
        );
        for day in first..first + DAYS_MAX {
            if self.allows_day(day)
                && let Some(time) = self.time(time)
            {
                let second = day.checked_mul(DAY_SECONDS)?.checked_add(i64::from(time))?;
                return second.checked_mul(SECOND_US).map(Timestamp);
            }
            time = 0;
        }
        None
    }

    fn allows_day(&self, day: i64) -> bool {
        let (month, day_of_month) = civil(day);
        // 1970-01-01 was a Thursday, the fifth day of its week
        let weekday = (day + 4).rem_euclid(7) as u32 + 1;
        self.allows(4, month) && self.allows(3, day_of_month) && self.allows(5, weekday)
    }

    /// The first time of a day from second `from` on.
    fn time(&self, from: u32) -> Option<u32> {
        let (mut hour, mut minute, mut second) = (from / 3600, from / 60 % 60, from % 60);
        loop {
            let h = self.from(2, hour)?;
            if h > hour {
                (hour, minute, second) = (h, 0, 0);
            }
            match self.from(1, minute) {
                None => (hour, minute, second) = (hour + 1, 0, 0),
                Some(m) => {
                    if m > minute {
                        (minute, second) = (m, 0);
                    }
                    match self.from(0, second) {
                        None => (minute, second) = (minute + 1, 0),
                        Some(s) => return Some(hour * 3600 + minute * 60 + s),
                    }
                }
            }
        }
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, String> {
        text.split(',')
            .try_fold(0, |bits, item| Ok(bits | self.item(item)?))
    }

    /// `*`, `?`, a value or a range, with an optional step.
    fn item(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((range, step)) => match step.parse::<u32>() {
                Ok(step) if step > 0 => (range, Some(step)),
                _ => return Err(self.wrong(text, "the step is a number from 1 on")),
            },
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (self.min, self.max),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // 5/10 is every tenth from 5 on
            None if step.is_some() => (self.value(range)?, self.max),
            None => (self.value(range)?, self.value(range)?),
        };
        if first > last {
            return Err(self.wrong(text, "the range goes backwards"));
        }
        let values = (first..=last).step_by(step.unwrap_or(1) as usize);
        Ok(values.fold(0, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        if let Some(i) = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text))
        {
            return Ok(self.min + i as u32);
        }
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(value) if digits && (self.min..=self.max).contains(&value) => Ok(value),
            _ => Err(self.wrong(
                text,
                "accepted are numbers, names, lists, ranges, steps, '*' and '?'",
            )),
        }
    }

    fn wrong(&self, text: &str, why: &str) -> String {
        let (first, last) = match self.names {
            [first, .., last] => (first.to_string(), last.to_string()),
            _ => (self.min.to_string(), self.max.to_string()),
        };
        format!("'{text}' is no {} ({first} to {last}): {why}", self.name)
    }
}

/// Month and day of the month of a day since 1970-01-01.
///
/// Counts years from March, so that the leap day is the last of a year.
/// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(day: i64) -> (u32, u32) {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (month as u32, day_of_month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next three times after a time, both as text.
    fn next(cron: &str, after: &str) -> Vec<String> {
        let crontab = Crontab::parse(cron).expect("a cron expression");
        let after: jiff::Timestamp = after.parse().expect("a time");
        let mut at = Timestamp(after.as_microsecond());
        let mut times = Vec::new();
        while times.len() < 3 {
            at = crontab.next(at).expect("another time");
            times.push(
                jiff::Timestamp::from_microsecond(at.0)
                    .expect("in range")
                    .to_string(),
            );
        }
        times
    }

    #[test]
    fn fields_say_when() {
        let cases = [
            (
                "*/5 * * * * *",
                "2024-02-28T23:59:54.5Z",
                [
                    "2024-02-28T23:59:55Z",
                    "2024-02-29T00:00:00Z",
                    "2024-02-29T00:00:05Z",
                ],
            ),
            (
                "*/20 * * * *",
                "2024-01-01T00:00:00Z",
                [
                    "2024-01-01T00:20:00Z",
                    "2024-01-01T00:40:00Z",
                    "2024-01-01T01:00:00Z",
                ],
            ),
            (
                "0 30 9-17/4 ? * MON-FRI",
                "2024-03-01T13:30:00Z",
                [
                    "2024-03-01T17:30:00Z",
                    "2024-03-04T09:30:00Z",
                    "2024-03-04T13:30:00Z",
                ],
            ),
            (
                "15,45 59 23 31 * ?",
                "2024-01-31T23:59:15Z",
                [
                    "2024-01-31T23:59:45Z",
                    "2024-03-31T23:59:15Z",
                    "2024-03-31T23:59:45Z",
                ],
            ),
            (
                "0 0 0 29 feb ?",
                "2096-02-29T00:00:00Z",
                [
                    "2104-02-29T00:00:00Z",
                    "2108-02-29T00:00:00Z",
                    "2112-02-29T00:00:00Z",
                ],
            ),
            (
                "0 0 12 ? * 1,7",
                "1969-12-31T00:00:00Z",
                [
                    "1970-01-03T12:00:00Z",
                    "1970-01-04T12:00:00Z",
                    "1970-01-10T12:00:00Z",
                ],
            ),
            (
                "0 5/25 0 1 1 *",
                "2023-06-01T00:00:00Z",
                [
                    "2024-01-01T00:05:00Z",
                    "2024-01-01T00:30:00Z",
                    "2024-01-01T00:55:00Z",
                ],
            ),
        ];
        for (cron, after, want) in cases {
            assert_eq!(next(cron, after), want, "{cron}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for day in (-800_000..800_000i64).step_by(97) {
            let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
            assert_eq!(
                civil(day),
                (date.month() as u32, date.day() as u32),
                "{date}"
            );
        }
    }

    #[test]
    fn wrong_expressions_say_why() {
        let cases = [
            ("", "this one has 0"),
            ("* * * * * * 2024", "this one has 7"),
            ("60 * * * * *", "'60' is no second (0 to 59)"),
            ("* * * * 13 *", "'13' is no month (JAN to DEC)"),
            ("* * * ? * 0", "'0' is no day of the week (SUN to SAT)"),
            ("* * * ? * FRI-MON", "the range goes backwards"),
            ("*/0 * * * * *", "the step is a number from 1 on"),
            ("*/-1 * * * * *", "the step is a number from 1 on"),
            ("1- * * * * *", "'' is no second"),
            ("+1 * * * * *", "'+1' is no second"),
            ("? * * * * *", "'?' stands for a day"),
            ("* * * L * ?", "'L' is no day of the month"),
            ("* * * 1 * MON", "one must be '?'"),
            ("* * * 31 FEB,APR ?", "it never fires"),
            ("99999999999 * * * * *", "is no second"),
        ];
        for (cron, want) in cases {
            let error = Crontab::parse(cron).expect_err(cron);
            assert!(error.contains(want), "{cron}: {error}");
        }
    }

    #[test]
    fn the_end_of_time_has_no_next() {
        let crontab = Crontab::parse("* * * * * *").expect("a cron expression");
        assert_eq!(crontab.next(Timestamp(i64::MAX)), None);
        assert!(
            crontab
                .next(Timestamp::MIN)
                .is_some_and(|t| t > Timestamp::MIN)
        );
    }
}
