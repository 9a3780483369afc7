-- Nexmark q12, in event time: bids per bidder in windows of 10 seconds.
@app:name('nexmark-q12')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT bidder, count() AS bids, window_end() AS until
FROM Bid WINDOW('tumbling', 10 SECONDS)
GROUP BY bidder;
