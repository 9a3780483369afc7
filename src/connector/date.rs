//! Dates of the Gregorian calendar as times, in UTC.

use crate::event::Timestamp;

/// `YYYY-MM-DD`, then optionally a space or `T` and `hh:mm`, `:ss`, decimals and `Z`.
pub(super) fn date_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, clock.strip_suffix('Z').unwrap_or(clock)),
        None => (text, "00:00"),
    };
    let mut date = date.split('-');
    let (year, month, day) = (
        digits(date.next()?, 4, 9999)?,
        digits(date.next()?, 2, 12)?,
        digits(date.next()?, 2, 31)?,
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if date.next().is_some() || month == 0 || day == 0 || day > days_of_month {
        return None;
    }
    let mut clock = clock.split(':');
    let hour = digits(clock.next()?, 2, 23)?;
    let minute = digits(clock.next()?, 2, 59)?;
    let (second, micros) = match clock.next() {
        None => (0, 0),
        Some(text) => {
            let (second, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let scale = 10_i64.pow(u32::try_from(6_usize.checked_sub(fraction.len())?).ok()?);
            (
                digits(second, 2, 59)?,
                digits(fraction, fraction.len(), 999_999)? * scale,
            )
        }
    };
    if clock.next().is_some() {
        return None;
    }
    // years from March, so that the leap day is the last of its year
    let y = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + day_of_year - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * 1_000_000 + micros))
}

/// A number of exactly `count` digits, at most `max`.
fn digits(text: &str, count: usize, max: i64) -> Option<i64> {
    if text.len() != count || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|n| *n <= max)
}
