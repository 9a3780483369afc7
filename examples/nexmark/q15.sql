-- Nexmark q15: bidding statistics of each day: a row per bid, with the day so far. Times are in UTC.
@app:name('nexmark-q15')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT
    date_time - date_time % 86400000 AS day,
    count() AS bids,
    count(CASE WHEN price < 10000 THEN 1 END) AS low_bids,
    count(CASE WHEN price >= 10000 AND price < 1000000 THEN 1 END) AS middle_bids,
    count(CASE WHEN price >= 1000000 THEN 1 END) AS high_bids,
    count(DISTINCT bidder) AS bidders,
    count(DISTINCT CASE WHEN price < 10000 THEN bidder END) AS low_bidders,
    count(DISTINCT CASE WHEN price >= 10000 AND price < 1000000 THEN bidder END) AS middle_bidders,
    count(DISTINCT CASE WHEN price >= 1000000 THEN bidder END) AS high_bidders,
    count(DISTINCT auction) AS auctions,
    count(DISTINCT CASE WHEN price < 10000 THEN auction END) AS low_auctions,
    count(DISTINCT CASE WHEN price >= 10000 AND price < 1000000 THEN auction END) AS middle_auctions,
    count(DISTINCT CASE WHEN price >= 1000000 THEN auction END) AS high_auctions
FROM Bid
GROUP BY date_time - date_time % 86400000;
