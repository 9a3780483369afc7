-- Nexmark q7: the highest bid of every 10 seconds.
@app:name('nexmark-q7')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT max(price) AS price, window_end() AS until
FROM Bid WINDOW('tumbling', 10 SECONDS);
