-- Nexmark q9: winning bids. Of each auction the highest bid, of equals the first.
-- As in Nexmark's SQL a row comes out for every bid that is the best so far; the last one of an auction has won. The
-- best so far stands in a table, which forgets an auction when it is over: none lasts a second.
@app:name('nexmark-q9')
@app:playback
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);
CREATE TABLE Best (auction LONG PRIMARY KEY, price LONG) WITH ('ttl'='3 SECONDS');

INSERT INTO Counted
SELECT b.auction AS auction, a.seller AS seller, b.bidder AS bidder, b.price AS price
FROM Auction AS a JOIN Bid AS b ON a.id = b.auction
    AND eventTimestamp(b) BETWEEN eventTimestamp(a) AND eventTimestamp(a) + 1000
    AND b.date_time <= a.expires;

INSERT INTO Out
SELECT c.auction AS auction, c.bidder AS bidder, c.price AS price
FROM Counted AS c LEFT JOIN Best ON c.auction = Best.auction
WHERE Best.price IS NULL OR c.price > Best.price;

UPSERT INTO Best
SELECT auction, price FROM Out
ON Best.auction = Out.auction;
