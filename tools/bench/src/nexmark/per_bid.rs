//! The queries of Nexmark that keep statistics of bids, as loops over bids.

use super::events::Bid;
use crate::hand::Map;
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;
use std::hint::black_box;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Which of three ranks a price has.
fn rank(price: i64) -> usize {
    match price {
        ..10_000 => 0,
        10_000..1_000_000 => 1,
        _ => 2,
    }
}

/// What is counted of a day: all, then by rank.
#[derive(Clone, Debug, Default)]
pub struct Day {
    bids: [i64; 4],
    bidders: [HashSet<i64, FxBuildHasher>; 4],
    auctions: [HashSet<i64, FxBuildHasher>; 4],
}

impl Day {
    /// Counts a bid.
    pub fn add(&mut self, b: &Bid) {
        for place in [0, 1 + rank(b.price)] {
            self.bids[place] += 1;
            self.bidders[place].insert(b.bidder);
            self.auctions[place].insert(b.auction);
        }
    }

    /// Bids, bidders, auctions; of each all, then by rank.
    pub fn counts(&self) -> [i64; 12] {
        std::array::from_fn(|i| match i / 4 {
            0 => self.bids[i],
            1 => self.bidders[i - 4].len() as i64,
            _ => self.auctions[i - 8].len() as i64,
        })
    }
}

/// Statistics of the day after each bid: the day, bids, bidders, auctions; of each all, then by rank.
pub fn q15(bids: &[Bid], emit: &mut dyn FnMut(i64, [i64; 12])) {
    let emit = black_box(emit);
    let mut days: Map<i64, Day> = Map::default();
    for b in bids {
        let number = b.at - b.at % DAY_MS;
        let day = days.entry(number).or_default();
        day.add(b);
        emit(number, day.counts());
    }
}

/// What is known of the bids of an auction on a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// All bids, then those of each rank.
    pub bids: [i64; 4],
    /// The lowest.
    pub min: i64,
    /// The highest.
    pub max: i64,
    /// The sum.
    pub sum: i64,
}

/// Statistics of the auction and the day after each bid.
pub fn q17(bids: &[Bid], emit: &mut dyn FnMut(i64, i64, Prices)) {
    let emit = black_box(emit);
    let mut groups: Map<(i64, i64), Prices> = Map::default();
    let none = Prices {
        bids: [0; 4],
        min: i64::MAX,
        max: i64::MIN,
        sum: 0,
    };
    for b in bids {
        let day = b.at - b.at % DAY_MS;
        let group = groups.entry((b.auction, day)).or_insert(none);
        group.bids[0] += 1;
        group.bids[1 + rank(b.price)] += 1;
        group.min = group.min.min(b.price);
        group.max = group.max.max(b.price);
        group.sum += b.price;
        emit(b.auction, day, *group);
    }
}

/// The last bid of each bidder on each auction: what comes, and before it what it replaces.
pub fn q18(bids: &[Bid], emit: &mut dyn FnMut(&Bid)) {
    let emit = black_box(emit);
    let mut last: Map<(i64, i64), Bid> = Map::default();
    for b in bids {
        if let Some(before) = last.insert((b.bidder, b.auction), *b) {
            emit(&before);
        }
        emit(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bid(auction: i64, bidder: i64, price: i64) -> Bid {
        Bid {
            auction,
            bidder,
            price,
            at: DAY_MS + 1,
        }
    }

    #[test]
    fn prices_have_ranks() {
        assert_eq!([9_999, 10_000, 999_999, 1_000_000].map(rank), [0, 1, 1, 2]);
    }

    #[test]
    fn bids_are_counted_by_rank_and_by_who_bids() {
        let bids = [bid(1, 1, 5), bid(1, 1, 20_000), bid(2, 3, 6)];
        let mut rows = Vec::new();
        q15(&bids, &mut |day, counts| rows.push((day, counts)));
        let last = [3, 2, 1, 0, 2, 2, 1, 0, 2, 2, 1, 0];
        assert_eq!(rows[2], (DAY_MS, last));
        let mut rows = Vec::new();
        q17(&bids, &mut |auction, _, prices| {
            rows.push((auction, prices))
        });
        let (min, max, sum) = (5, 20_000, 20_005);
        let bids = [2, 1, 1, 0];
        assert_eq!(
            rows[1],
            (
                1,
                Prices {
                    bids,
                    min,
                    max,
                    sum
                }
            )
        );
    }

    #[test]
    fn a_bid_replaces_the_one_before_of_its_bidder() {
        let bids = [bid(1, 1, 5), bid(1, 2, 6), bid(1, 1, 7)];
        let mut prices = Vec::new();
        q18(&bids, &mut |b| prices.push(b.price));
        assert_eq!(prices, [5, 6, 5, 7]);
    }
}
