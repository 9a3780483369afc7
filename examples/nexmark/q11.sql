-- Nexmark q11: user sessions. Bids of a bidder until there is none for 10 seconds.
@app:name('nexmark-q11')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT bidder, count() AS bids
FROM Bid WINDOW('sessionBatch', 10 SECONDS, bidder)
GROUP BY bidder;
