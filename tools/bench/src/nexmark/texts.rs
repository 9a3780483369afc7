//! The queries of Nexmark that read the texts of bids, and the same as loops.
//!
//! Texts take a microsecond to make and a hundred bytes to keep, so that there are fewer of these bids.

use super::columns::words_of;
use super::events::{TextBid, text_bids};
use super::per_bid::{DAY_MS, Day};
use crate::data::BATCH_ROWS;
use crate::engine::{self, Engine};
use crate::hand::Map;
use crate::harness::{Conditions, Tally, by_turns, text_word, timed, words};
use crate::record::{Record, Unit};
use eventflux::{ColumnBatch, Timestamp};
use std::fmt::Write;

/// Bids of a pass.
const EVENTS: usize = 400_000;

/// One query beside a hand-written loop. Every pass has an app of its own.
fn query(
    c: &Conditions,
    question: &'static str,
    app: &str,
    hand: fn(&[TextBid], &mut Tally),
) -> Result<Record, String> {
    let bids = text_bids(c.events(EVENTS));
    let mut batches = batches(&Engine::inline(app, words_of)?, &bids)?;
    let figures = by_turns(
        c,
        bids.len(),
        || {
            let mut engine = Engine::inline(app, words_of)?;
            timed(|| {
                let mut input = engine
                    .runtime()
                    .input_handler("Bid")
                    .map_err(engine::text)?;
                for batch in &mut batches {
                    input.send_columns(batch).map_err(engine::text)?;
                }
                drop(input);
                Ok::<_, String>(engine.news())
            })
        },
        || {
            let mut tally = Tally::default();
            timed(|| {
                hand(&bids, &mut tally);
                Ok::<_, String>(tally)
            })
        },
    )?;
    let baseline = "hand row loop";
    Ok(Record::new(
        question,
        Unit::Event,
        bids.len(),
        baseline,
        figures,
    ))
}

fn batches(engine: &Engine, bids: &[TextBid]) -> Result<Vec<ColumnBatch>, String> {
    let schema = engine
        .runtime()
        .schema("Bid")
        .ok_or("the app has no bids")?;
    let batch = |bids: &[TextBid]| {
        let mut batch = ColumnBatch::new(&schema);
        for TextBid {
            bid: b,
            channel,
            url,
            extra,
        } in bids
        {
            let row = (b.auction, b.bidder, b.price, channel, url, extra, b.at);
            let pushed = batch.push(Timestamp::from_millis(b.at), row);
            pushed.map_err(engine::text)?;
        }
        Ok(batch)
    };
    bids.chunks(BATCH_ROWS).map(batch).collect()
}

/// Hour and minute of the day, in UTC.
fn clock(at: i64) -> (i64, i64) {
    (at % DAY_MS / 3_600_000, at % 3_600_000 / 60_000)
}

/// The day, and hour and minute, as text.
fn day_and_minute(at: i64, day: &mut String, minute: &mut String) {
    day.clear();
    minute.clear();
    let (year, month, number) = civil(at.div_euclid(DAY_MS));
    let (hour, minutes) = clock(at);
    // writing to a text does not fail
    let _ = write!(day, "{year:04}-{month:02}-{number:02}");
    let _ = write!(minute, "{hour:02}:{minutes:02}");
}

/// Year, month and day of a day counted from 1970, by the rule of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + next, month, day)
}

/// Log to files: each bid with its day and minute.
pub fn q10(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q10", app!("q10"), |bids, tally| {
        let (mut day, mut minute) = (String::new(), String::new());
        for TextBid { bid: b, extra, .. } in bids {
            day_and_minute(b.at, &mut day, &mut minute);
            let [auction, bidder, price, at] =
                [b.auction, b.bidder, b.price, b.at].map(|x| x as u64);
            let [extra, day, minute] = [extra.as_str(), &day, &minute].map(text_word);
            tally.add(words(&[auction, bidder, price, at, extra, day, minute]));
        }
    })
}

/// Calculation.
pub fn q14(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q14", app!("q14"), |bids, tally| {
        for TextBid { bid: b, extra, .. } in bids {
            let price = b.price as f64 * 0.908;
            if price > 1_000_000.0 && price < 50_000_000.0 {
                let time = match clock(b.at).0 {
                    8..=18 => "dayTime",
                    ..=6 | 20.. => "nightTime",
                    _ => "otherTime",
                };
                let count = extra.bytes().filter(|b| *b == b'c').count();
                let [auction, bidder, at] = [b.auction, b.bidder, b.at].map(|x| x as u64);
                let row = [
                    auction,
                    bidder,
                    price.to_bits(),
                    text_word(time),
                    at,
                    count as u64,
                ];
                tally.add(words(&row));
            }
        }
    })
}

/// What is known of a channel on a day.
#[derive(Default)]
struct Channel {
    day: Day,
    /// Hour and minute of the last bid.
    last: (i64, i64),
}

/// Statistics of a channel.
pub fn q16(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q16", app!("q16"), |bids, tally| {
        let mut groups: Map<(&str, i64), Channel> = Map::default();
        let (mut day, mut minute) = (String::new(), String::new());
        for TextBid {
            bid: b, channel, ..
        } in bids
        {
            let begin = b.at - b.at % DAY_MS;
            let group = groups.entry((channel.as_str(), begin)).or_default();
            group.day.add(b);
            group.last = group.last.max(clock(b.at));
            let (hour, minutes) = group.last;
            day_and_minute(hour * 3_600_000 + minutes * 60_000, &mut day, &mut minute);
            let mut row = [0; 15];
            row[..3].copy_from_slice(&[text_word(channel), begin as u64, text_word(&minute)]);
            for (to, count) in row[3..].iter_mut().zip(group.day.counts()) {
                *to = count as u64;
            }
            tally.add(words(&row));
        }
    })
}

/// The id of a channel, where it has one.
fn channel_id<'a>(lower: &mut String, channel: &str, url: &'a str) -> Option<&'a str> {
    lower.clear();
    lower.extend(channel.chars().flat_map(char::to_lowercase));
    match lower.as_str() {
        "apple" => Some("0"),
        "google" => Some("1"),
        "facebook" => Some("2"),
        "baidu" => Some("3"),
        _ => url.split_once("channel_id=").map(|(_, id)| id),
    }
}

/// Channel ids.
pub fn q21(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q21", app!("q21"), |bids, tally| {
        let mut lower = String::new();
        for TextBid {
            bid: b,
            channel,
            url,
            ..
        } in bids
        {
            if let Some(id) = channel_id(&mut lower, channel, url) {
                let [auction, bidder, price] = [b.auction, b.bidder, b.price].map(|x| x as u64);
                let [channel, id] = [channel.as_str(), id].map(text_word);
                tally.add(words(&[auction, bidder, price, channel, id]));
            }
        }
    })
}

/// Directories of URLs.
pub fn q22(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q22", app!("q22"), |bids, tally| {
        for TextBid {
            bid: b,
            channel,
            url,
            ..
        } in bids
        {
            let mut parts = url.split('/').skip(3);
            let mut part = || text_word(parts.next().unwrap_or_default());
            let [auction, bidder, price] = [b.auction, b.bidder, b.price].map(|x| x as u64);
            let row = [
                auction,
                bidder,
                price,
                text_word(channel),
                part(),
                part(),
                part(),
            ];
            tally.add(words(&row));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names() {
        let (mut day, mut minute) = (String::new(), String::new());
        for (at, text) in [
            (0, "1970-01-01 00:00"),
            (951_782_399_000, "2000-02-28 23:59"),
        ] {
            day_and_minute(at, &mut day, &mut minute);
            assert_eq!(format!("{day} {minute}"), text);
        }
        assert_eq!(civil(19_782), (2024, 2, 29));
    }

    #[test]
    fn channels_have_ids() {
        let mut lower = String::new();
        assert_eq!(channel_id(&mut lower, "Apple", ""), Some("0"));
        let url = "https://a/b?query=1&channel_id=77";
        assert_eq!(channel_id(&mut lower, "channel-3", url), Some("77"));
        assert_eq!(channel_id(&mut lower, "channel-3", "https://a/b"), None);
    }
}
