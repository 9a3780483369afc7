//! Events of Nexmark without their texts.

use eventflux::Timestamp;
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::Event as Full;
use std::sync::{Arc, Mutex, PoisonError};

/// Time of the first event in milliseconds: fixed, so that every run sees the same windows.
const BASE_MS: u64 = 1_700_000_000_000;

/// An event; times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are Nexmark's own")]
pub enum Event {
    /// Someone registers.
    Person { id: i64, at: i64 },
    /// Someone offers an item.
    Auction {
        id: i64,
        seller: i64,
        category: i64,
        at: i64,
    },
    /// Someone bids.
    Bid {
        auction: i64,
        bidder: i64,
        price: i64,
        at: i64,
    },
}

impl From<Full> for Event {
    fn from(event: Full) -> Event {
        match event {
            Full::Person(p) => Event::Person {
                id: p.id as i64,
                at: p.date_time as i64,
            },
            Full::Auction(a) => Event::Auction {
                id: a.id as i64,
                seller: a.seller as i64,
                category: a.category as i64,
                at: a.date_time as i64,
            },
            Full::Bid(b) => Event::Bid {
                auction: b.auction as i64,
                bidder: b.bidder as i64,
                price: b.price as i64,
                at: b.date_time as i64,
            },
        }
    }
}

/// The first `n` events. They are kept for the next query: the generator makes texts and takes microseconds for each.
pub fn events(n: usize) -> Arc<[Event]> {
    static KEPT: Mutex<Option<Arc<[Event]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.as_ref() {
        Some(events) if events.len() == n => Arc::clone(events),
        _ => {
            let config = NexmarkConfig {
                base_time: BASE_MS,
                ..NexmarkConfig::default()
            };
            let made: Arc<[Event]> = EventGenerator::new(config)
                .take(n)
                .map(Event::from)
                .collect();
            *kept = Some(Arc::clone(&made));
            made
        }
    }
}

/// A time as the engine counts it.
pub fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fifty_events_46_are_bids() {
        let events = events(5000);
        let bids = events.iter().filter(|e| matches!(e, Event::Bid { .. }));
        assert_eq!(bids.count(), 4600);
        let times = events.iter().map(|e| match e {
            Event::Person { at, .. } | Event::Auction { at, .. } | Event::Bid { at, .. } => *at,
        });
        assert!(times.is_sorted());
    }
}
