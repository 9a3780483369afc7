//! The queries of Nexmark in which streams meet, as loops over events in the order of time.

use super::events::{Auction, Bid, Item, Person};
use crate::hand::Map;
use eventflux::event::Str;
use std::collections::VecDeque;
use std::hint::black_box;

/// Milliseconds of the windows of q8.
const WINDOW_MS: i64 = 10_000;
/// Milliseconds from the opening of an auction until it is looked at as closed.
const CLOSED_MS: i64 = 1001;
/// Sales of a seller that count.
const SALES: usize = 10;

/// Rows by a key that are never dropped.
type Lists<T> = Map<i64, Vec<T>>;

/// Sellers of category 10 in three states.
pub fn q3(items: &[Item], emit: &mut dyn FnMut(&Str, &Str, &Str, i64)) {
    let emit = black_box(emit);
    let mut persons: Map<i64, &Person> = Map::default();
    let mut auctions: Lists<i64> = Map::default();
    for item in items {
        match item {
            Item::Person(p) if matches!(&*p.state, "or" | "id" | "ca") => {
                persons.insert(p.id, p);
                for id in auctions.get(&p.id).into_iter().flatten() {
                    emit(&p.name, &p.city, &p.state, *id);
                }
            }
            Item::Auction(a) if a.category == 10 => {
                auctions.entry(a.seller).or_default().push(a.id);
                if let Some(p) = persons.get(&a.seller) {
                    emit(&p.name, &p.city, &p.state, a.id);
                }
            }
            _ => {}
        }
    }
}

/// Calls `f` with each bid on an auction that is open.
fn counted(items: &[Item], mut f: impl FnMut(&Auction, &Bid)) {
    let mut open: Map<i64, &Auction> = Map::default();
    for item in items {
        match item {
            Item::Auction(a) => {
                open.insert(a.id, a);
            }
            Item::Bid(b) => {
                if let Some(a) = open.get(&b.auction).filter(|a| b.at <= a.expires) {
                    f(a, b);
                }
            }
            Item::Person(_) => {}
        }
    }
}

/// The average over the auctions of a category of their highest bids, after each bid.
pub fn q4(items: &[Item], emit: &mut dyn FnMut(i64, f64)) {
    let emit = black_box(emit);
    let mut highest: Map<i64, i64> = Map::default();
    let mut categories: Map<i64, (i64, i64)> = Map::default();
    counted(items, |a, b| {
        let (sum, n) = categories.entry(a.category).or_default();
        match highest.get_mut(&a.id) {
            Some(price) => {
                *sum += b.price.max(*price) - *price;
                *price = b.price.max(*price);
            }
            None => {
                highest.insert(a.id, b.price);
                (*sum, *n) = (*sum + b.price, *n + 1);
            }
        }
        emit(a.category, *sum as f64 / *n as f64);
    });
}

/// The average price of the last ten auctions that a seller has closed.
pub fn q6(items: &[Item], emit: &mut dyn FnMut(i64, f64)) {
    let emit = black_box(emit);
    let mut open: Map<i64, (&Auction, Option<i64>)> = Map::default();
    let mut closing: VecDeque<&Auction> = VecDeque::new();
    let mut sales: Map<i64, VecDeque<i64>> = Map::default();
    for item in items {
        let now = item.at();
        while let Some(a) = closing.front().filter(|a| a.at + CLOSED_MS <= now) {
            if let Some((_, Some(price))) = open.remove(&a.id) {
                let last = sales.entry(a.seller).or_default();
                if last.len() == SALES {
                    last.pop_front();
                }
                last.push_back(price);
                emit(
                    a.seller,
                    last.iter().sum::<i64>() as f64 / last.len() as f64,
                );
            }
            closing.pop_front();
        }
        match item {
            Item::Auction(a) => {
                open.insert(a.id, (a, None));
                closing.push_back(a);
            }
            Item::Bid(b) => {
                if let Some((_, price)) =
                    open.get_mut(&b.auction).filter(|(a, _)| b.at <= a.expires)
                {
                    *price = (*price).max(Some(b.price));
                }
            }
            Item::Person(_) => {}
        }
    }
}

/// Who came and opened auctions in one window: with how many auctions.
pub fn q8(items: &[Item], emit: &mut dyn FnMut(i64, &Str, i64)) {
    let emit = black_box(emit);
    let mut persons: Vec<&Person> = Vec::new();
    let mut auctions: Map<i64, i64> = Map::default();
    let mut end = i64::MIN;
    for item in items {
        let at = item.at();
        if at >= end {
            for p in persons.drain(..) {
                if let Some(n) = auctions.get(&p.id) {
                    emit(p.id, &p.name, *n);
                }
            }
            auctions.clear();
            end = at - at.rem_euclid(WINDOW_MS) + WINDOW_MS;
        }
        match item {
            Item::Person(p) => persons.push(p),
            Item::Auction(a) => *auctions.entry(a.seller).or_default() += 1,
            Item::Bid(_) => {}
        }
    }
}

/// Each bid that is the best so far.
pub fn q9(items: &[Item], emit: &mut dyn FnMut(i64, i64, i64)) {
    let emit = black_box(emit);
    let mut best: Map<i64, i64> = Map::default();
    counted(items, |a, b| {
        if best.get(&a.id).is_none_or(|price| b.price > *price) {
            best.insert(a.id, b.price);
            emit(a.id, b.bidder, b.price);
        }
    });
}

/// Bids with what a table says.
pub fn q13(side: &Map<i64, i64>, bids: &[Bid], emit: &mut dyn FnMut(i64, i64, i64)) {
    let emit = black_box(emit);
    for b in bids {
        if let Some(value) = side.get(&(b.auction % 10_000)) {
            emit(b.auction, b.price, *value);
        }
    }
}

/// Bids with their auctions of category 10.
pub fn q20(items: &[Item], emit: &mut dyn FnMut(i64, i64, i64, i64)) {
    let emit = black_box(emit);
    let mut auctions: Map<i64, i64> = Map::default();
    let mut bids: Lists<&Bid> = Map::default();
    for item in items {
        match item {
            Item::Auction(a) if a.category == 10 => {
                auctions.insert(a.id, a.seller);
                for b in bids.get(&a.id).into_iter().flatten() {
                    emit(b.auction, b.bidder, b.price, a.seller);
                }
            }
            Item::Bid(b) => {
                bids.entry(b.auction).or_default().push(b);
                if let Some(seller) = auctions.get(&b.auction) {
                    emit(b.auction, b.bidder, b.price, *seller);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auction(id: i64, at: i64, expires: i64, seller: i64) -> Item {
        Item::Auction(Auction {
            id,
            at,
            expires,
            seller,
            category: 10,
        })
    }

    fn bid(auction: i64, price: i64, at: i64) -> Item {
        Item::Bid(Bid {
            auction,
            bidder: price,
            price,
            at,
        })
    }

    fn person(id: i64, state: &str, at: i64) -> Item {
        Item::Person(Person {
            id,
            name: Str::new("n"),
            city: Str::new("c"),
            state: Str::new(state),
            at,
        })
    }

    #[test]
    fn a_bid_counts_while_its_auction_is_open() {
        let items = [
            bid(1, 99, 0),
            auction(1, 10, 20, 7),
            bid(1, 5, 10),
            bid(1, 4, 15),
            bid(1, 8, 20),
            bid(1, 50, 21),
        ];
        let (mut averages, mut best) = (Vec::new(), Vec::new());
        q4(&items, &mut |category, price| {
            averages.push((category, price))
        });
        assert_eq!(averages, [(10, 5.0), (10, 5.0), (10, 8.0)]);
        q9(&items, &mut |auction, _, price| best.push((auction, price)));
        assert_eq!(best, [(1, 5), (1, 8)]);
        let mut all = Vec::new();
        q20(&items, &mut |_, _, price, _| all.push(price));
        assert_eq!(all, [99, 5, 4, 8, 50]);
    }

    #[test]
    fn the_last_ten_sales_of_a_seller_count() {
        let mut items = Vec::new();
        for n in 0..12 {
            items.extend([auction(n, n * 10, n * 10 + 5, 7), bid(n, n, n * 10)]);
        }
        items.push(person(1, "or", 10_000));
        let mut rows = Vec::new();
        q6(&items, &mut |seller, price| rows.push((seller, price)));
        assert_eq!(rows.len(), 12);
        assert_eq!((rows[1], rows[11]), ((7, 0.5), (7, 6.5)));
    }

    #[test]
    fn sellers_are_met_whoever_comes_first() {
        let items = [
            person(1, "or", 0),
            auction(5, 1, 9, 1),
            auction(6, 2, 9, 2),
            person(2, "ca", 3),
            person(3, "wa", 3),
            auction(7, 4, 9, 3),
            auction(8, 10_000, 10_009, 1),
        ];
        let (mut sold, mut news) = (Vec::new(), Vec::new());
        q3(&items, &mut |_, _, _, id| sold.push(id));
        assert_eq!(sold, [5, 6, 8]);
        q8(&items, &mut |id, _, n| news.push((id, n)));
        assert_eq!(news, [(1, 1), (2, 1), (3, 1)]);
    }
}
