-- Nexmark q17: statistics of each auction and day: a row per bid, with the day so far. Times are in UTC.
@app:name('nexmark-q17')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT
    auction,
    date_time - date_time % 86400000 AS day,
    count() AS bids,
    count(CASE WHEN price < 10000 THEN 1 END) AS low_bids,
    count(CASE WHEN price >= 10000 AND price < 1000000 THEN 1 END) AS middle_bids,
    count(CASE WHEN price >= 1000000 THEN 1 END) AS high_bids,
    min(price) AS min_price,
    max(price) AS max_price,
    avg(price) AS avg_price,
    sum(price) AS sum_price
FROM Bid
GROUP BY auction, date_time - date_time % 86400000;
