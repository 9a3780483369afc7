//! Events of Nexmark without their texts.

use eventflux::event::Str;
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::{Event, EventType};
use std::sync::{Arc, Mutex, PoisonError};

/// Time of the first event in milliseconds: fixed, so that every run sees the same windows.
const BASE_MS: u64 = 1_700_000_000_000;

/// A bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
    /// What is bid for.
    pub auction: i64,
    /// Who bids.
    pub bidder: i64,
    /// In cents.
    pub price: i64,
    /// When, in milliseconds.
    pub at: i64,
}

/// A bid with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextBid {
    /// What it has beside them.
    pub bid: Bid,
    /// Through which channel it came.
    pub channel: Str,
    /// From which page.
    pub url: Str,
    /// Letters that fill it up to a hundred bytes.
    pub extra: Str,
}

/// Somebody who bids and sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub id: i64,
    /// First and last name.
    pub name: Str,
    /// Where they live.
    pub city: Str,
    /// In which state, by two letters.
    pub state: Str,
    /// When they came, in milliseconds.
    pub at: i64,
}

/// Something that is for sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auction {
    /// Which one it is.
    pub id: i64,
    /// When it opens, in milliseconds.
    pub at: i64,
    /// When it ends, in milliseconds.
    pub expires: i64,
    /// Who sells.
    pub seller: i64,
    /// What kind of thing it is.
    pub category: i64,
}

/// Any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A person.
    Person(Person),
    /// An auction.
    Auction(Auction),
    /// A bid.
    Bid(Bid),
}

impl Item {
    /// When it is, in milliseconds.
    pub fn at(&self) -> i64 {
        match self {
            Item::Person(p) => p.at,
            Item::Auction(a) => a.at,
            Item::Bid(b) => b.at,
        }
    }

    /// Of one millisecond persons come first, then auctions, then bids.
    fn turn(&self) -> (i64, u8) {
        let kind = match self {
            Item::Person(_) => 0,
            Item::Auction(_) => 1,
            Item::Bid(_) => 2,
        };
        (self.at(), kind)
    }

    fn of(event: Event) -> Item {
        match event {
            Event::Person(p) => Item::Person(Person {
                id: p.id as i64,
                name: Str::new(&p.name),
                city: Str::new(&p.city),
                state: Str::new(&p.state),
                at: p.date_time as i64,
            }),
            Event::Auction(a) => Item::Auction(Auction {
                id: a.id as i64,
                at: a.date_time as i64,
                expires: a.expires as i64,
                seller: a.seller as i64,
                category: a.category as i64,
            }),
            Event::Bid(b) => Item::Bid(Bid {
                auction: b.auction as i64,
                bidder: b.bidder as i64,
                price: b.price as i64,
                at: b.date_time as i64,
            }),
        }
    }
}

/// The first `n` events of all kinds, in the order of time, and within a millisecond persons before auctions before
/// bids. They are kept for the next query.
pub fn items(n: usize) -> Arc<[Item]> {
    static KEPT: Mutex<Option<Arc<[Item]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.as_ref() {
        Some(items) if items.len() == n => Arc::clone(items),
        _ => {
            let mut made: Vec<Item> = EventGenerator::new(config())
                .take(n)
                .map(Item::of)
                .collect();
            made.sort_by_key(Item::turn);
            let made: Arc<[Item]> = made.into();
            *kept = Some(Arc::clone(&made));
            made
        }
    }
}

fn config() -> NexmarkConfig {
    NexmarkConfig {
        base_time: BASE_MS,
        ..NexmarkConfig::default()
    }
}

/// The first `n` bids. They are kept for the next query: the generator makes texts and takes microseconds for each.
pub fn bids(n: usize) -> Arc<[Bid]> {
    static KEPT: Mutex<Option<Arc<[Bid]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.as_ref() {
        Some(bids) if bids.len() == n => Arc::clone(bids),
        _ => {
            let events = EventGenerator::new(config()).with_type_filter(EventType::Bid);
            let made: Arc<[Bid]> = events.filter_map(bid).take(n).collect();
            *kept = Some(Arc::clone(&made));
            made
        }
    }
}

fn bid(event: Event) -> Option<Bid> {
    match Item::of(event) {
        Item::Bid(bid) => Some(bid),
        Item::Person(_) | Item::Auction(_) => None,
    }
}

/// The first `n` bids with their texts. They are kept for the next query.
pub fn text_bids(n: usize) -> Arc<[TextBid]> {
    static KEPT: Mutex<Option<Arc<[TextBid]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.as_ref() {
        Some(bids) if bids.len() == n => Arc::clone(bids),
        _ => {
            let events = EventGenerator::new(config()).with_type_filter(EventType::Bid);
            let made: Arc<[TextBid]> = events.filter_map(text_bid).take(n).collect();
            *kept = Some(Arc::clone(&made));
            made
        }
    }
}

fn text_bid(event: Event) -> Option<TextBid> {
    let texts = match &event {
        Event::Bid(b) => [&b.channel, &b.url, &b.extra].map(|text| Str::new(text)),
        Event::Person(_) | Event::Auction(_) => return None,
    };
    let [channel, url, extra] = texts;
    Some(TextBid {
        bid: bid(event)?,
        channel,
        url,
        extra,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fifty_events_one_is_a_person_and_three_are_auctions() {
        let items = items(5000);
        assert!(items.is_sorted_by_key(Item::turn));
        let persons = items.iter().filter(|i| matches!(i, Item::Person(_)));
        assert_eq!(persons.count(), 100);
        let lasts = items.iter().filter_map(|item| match item {
            Item::Auction(a) => Some(a.expires - a.at),
            _ => None,
        });
        let lasts: Vec<i64> = lasts.collect();
        assert_eq!(lasts.len(), 300);
        // what the queries that wait for the end of an auction rely on
        assert!(lasts.iter().all(|ms| (1..1000).contains(ms)));
    }

    #[test]
    fn bids_come_at_9200_per_second_and_in_order() {
        let bids = bids(20_000);
        assert!(bids.is_sorted_by_key(|b| b.at));
        let first_second = bids.partition_point(|b| b.at < BASE_MS as i64 + 1000);
        assert!((9190..9210).contains(&first_second), "{first_second}");
    }
}
