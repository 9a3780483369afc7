-- Nexmark q16: statistics of each channel and day: a row per bid, with the day so far. Times are in UTC.
@app:name('nexmark-q16')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, channel STRING, url STRING, extra STRING, date_time LONG);

INSERT INTO Out
SELECT
    channel,
    date_time - date_time % 86400000 AS day,
    max(formatDate(date_time, '%H:%M')) AS minute,
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
GROUP BY channel, date_time - date_time % 86400000;
