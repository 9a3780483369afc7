-- Nexmark q5: hot items. The auction with most bids in the last 10 seconds, every 2 seconds; of equals the least.
@app:name('nexmark-q5')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT auction, count() AS bids, window_end() AS until
FROM Bid WINDOW('hop', 10 SECONDS, 2 SECONDS)
GROUP BY auction
ORDER BY bids DESC, auction
LIMIT 1;
