//! The queries of Nexmark as loops over bids.

use super::events::Bid;
use crate::hand::Map;
use std::collections::VecDeque;
use std::hint::black_box;

/// Milliseconds of the windows.
const WINDOW_MS: i64 = 10_000;
/// Milliseconds from one window of q5 to the next.
const SLIDE_MS: i64 = 2_000;

/// All bids.
pub fn q0(bids: &[Bid], emit: &mut dyn FnMut(i64, i64, i64, i64)) {
    let emit = black_box(emit);
    for &Bid {
        auction,
        bidder,
        price,
        at,
    } in bids
    {
        emit(auction, bidder, price, at);
    }
}

/// All bids in euros.
pub fn q1(bids: &[Bid], emit: &mut dyn FnMut(i64, i64, f64, i64)) {
    let emit = black_box(emit);
    for &Bid {
        auction,
        bidder,
        price,
        at,
    } in bids
    {
        emit(auction, bidder, price as f64 * 0.908, at);
    }
}

/// Bids on auctions whose number is a multiple of 123.
pub fn q2(bids: &[Bid], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    for bid in bids {
        if bid.auction % 123 == 0 {
            emit(bid.auction, bid.price);
        }
    }
}

/// First multiple of `step` after a time.
fn next(at: i64, step: i64) -> i64 {
    at - at.rem_euclid(step) + step
}

/// The auction with most bids in 10 s, every 2 s: counts per pane of 2 s, added to those of the window and taken off
/// again when the pane leaves it.
pub fn q5(bids: &[Bid], emit: &mut dyn FnMut(i64, i64, i64)) {
    let emit = black_box(emit);
    let panes_max = (WINDOW_MS / SLIDE_MS) as usize;
    let mut window: Map<i64, i64> = Map::default();
    let mut panes: VecDeque<Map<i64, i64>> = VecDeque::new();
    let mut pane: Map<i64, i64> = Map::default();
    let mut end = i64::MIN;
    for bid in bids {
        let at = bid.at;
        if end == i64::MIN {
            end = next(at, SLIDE_MS);
        }
        while at >= end {
            for (auction, n) in &pane {
                *window.entry(*auction).or_insert(0) += n;
            }
            panes.push_back(std::mem::take(&mut pane));
            let best = window.iter().max_by_key(|(auction, n)| (**n, -**auction));
            if let Some((auction, n)) = best {
                emit(*auction, *n, end);
            }
            if panes.len() == panes_max {
                for (auction, n) in panes.pop_front().unwrap_or_default() {
                    if let Some(left) = window.get_mut(&auction) {
                        *left -= n;
                        if *left == 0 {
                            window.remove(&auction);
                        }
                    }
                }
            }
            end += SLIDE_MS;
        }
        *pane.entry(bid.auction).or_insert(0) += 1;
    }
}

/// The highest bid of every 10 s.
pub fn q7(bids: &[Bid], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    let (mut highest, mut end) = (None, i64::MIN);
    for bid in bids {
        let at = bid.at;
        if at >= end {
            if let Some(price) = highest.take() {
                emit(price, end);
            }
            end = next(at, WINDOW_MS);
        }
        highest = highest.max(Some(bid.price));
    }
}

/// Bids of a bidder until there is none for 10 s.
pub fn q11(bids: &[Bid], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    let mut sessions: Map<i64, (i64, i64)> = Map::default();
    // a bid's session may end 10 s after it; bids come in the order of time
    let mut ends: VecDeque<(i64, i64)> = VecDeque::new();
    for &Bid {
        bidder: arriving,
        at,
        ..
    } in bids
    {
        while let Some(&(end, bidder)) = ends.front()
            && end <= at
        {
            ends.pop_front();
            let closed = sessions
                .get(&bidder)
                .copied()
                .filter(|(last, _)| last + WINDOW_MS == end);
            if let Some((_, n)) = closed {
                sessions.remove(&bidder);
                emit(bidder, n);
            }
        }
        let session = sessions.entry(arriving).or_insert((i64::MIN, 0));
        session.1 += 1;
        if session.0 != at {
            session.0 = at;
            ends.push_back((at + WINDOW_MS, arriving));
        }
    }
}

/// Bids per bidder in windows of 10 s.
pub fn q12(bids: &[Bid], emit: &mut dyn FnMut(i64, i64, i64)) {
    let emit = black_box(emit);
    let mut counts: Map<i64, i64> = Map::default();
    let mut end = i64::MIN;
    for bid in bids {
        let at = bid.at;
        if at >= end {
            for (bidder, n) in counts.drain() {
                emit(bidder, n, end);
            }
            end = next(at, WINDOW_MS);
        }
        *counts.entry(bid.bidder).or_insert(0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bid(auction: i64, bidder: i64, price: i64, at: i64) -> Bid {
        Bid {
            auction,
            bidder,
            price,
            at,
        }
    }

    #[test]
    fn hot_items_are_counted_over_five_panes() {
        let bids = [
            bid(1, 0, 0, 0),
            bid(1, 0, 0, 500),
            bid(2, 0, 0, 2500),
            bid(2, 0, 0, 9000),
            bid(2, 0, 0, 11_000),
            bid(3, 0, 0, 30_000),
        ];
        let mut rows = Vec::new();
        q5(&bids, &mut |auction, n, until| {
            rows.push((auction, n, until))
        });
        assert_eq!(rows[..2], [(1, 2, 2000), (1, 2, 4000)]);
        assert_eq!(rows[4..6], [(1, 2, 10_000), (2, 3, 12_000)]);
        assert_eq!(rows.last(), Some(&(2, 1, 20_000)));
    }

    #[test]
    fn sessions_end_ten_seconds_after_their_last_bid() {
        let bids = [
            bid(0, 1, 0, 0),
            bid(0, 2, 0, 5000),
            bid(0, 1, 0, 9999),
            bid(0, 2, 0, 15_000),
            bid(0, 1, 0, 19_999),
        ];
        let mut rows = Vec::new();
        q11(&bids, &mut |bidder, n| rows.push((bidder, n)));
        assert_eq!(rows, [(2, 1), (1, 2)]);
    }

    #[test]
    fn the_highest_bid_comes_when_its_window_ends() {
        let mut rows = Vec::new();
        let bids = [bid(0, 1, 7, 0), bid(0, 1, 9, 5000), bid(0, 1, 1, 10_000)];
        q7(&bids, &mut |price, until| rows.push((price, until)));
        assert_eq!(rows, [(9, 10_000)]);
        let mut rows = Vec::new();
        q12(&bids, &mut |bidder, n, until| rows.push((bidder, n, until)));
        assert_eq!(rows, [(1, 2, 10_000)]);
    }
}
