//! Bids of Nexmark without their texts.

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

/// The first `n` bids. They are kept for the next query: the generator makes texts and takes microseconds for each.
pub fn bids(n: usize) -> Arc<[Bid]> {
    static KEPT: Mutex<Option<Arc<[Bid]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.as_ref() {
        Some(bids) if bids.len() == n => Arc::clone(bids),
        _ => {
            let config = NexmarkConfig {
                base_time: BASE_MS,
                ..NexmarkConfig::default()
            };
            let events = EventGenerator::new(config).with_type_filter(EventType::Bid);
            let made: Arc<[Bid]> = events.filter_map(bid).take(n).collect();
            *kept = Some(Arc::clone(&made));
            made
        }
    }
}

fn bid(event: Event) -> Option<Bid> {
    match event {
        Event::Bid(b) => Some(Bid {
            auction: b.auction as i64,
            bidder: b.bidder as i64,
            price: b.price as i64,
            at: b.date_time as i64,
        }),
        Event::Person(_) | Event::Auction(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bids_come_at_9200_per_second_and_in_order() {
        let bids = bids(20_000);
        assert!(bids.is_sorted_by_key(|b| b.at));
        let first_second = bids.partition_point(|b| b.at < BASE_MS as i64 + 1000);
        assert!((9190..9210).contains(&first_second), "{first_second}");
    }
}
