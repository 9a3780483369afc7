-- Nexmark q8: monitor new users. Who came and opened an auction in the same 10 seconds?
-- Both windows close at once, and the join meets what both have flushed; aggregates begin anew with each flush.
@app:name('nexmark-q8')
@app:playback
CREATE STREAM Person (id LONG, name STRING, city STRING, state STRING, date_time LONG);
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);

INSERT INTO Out
SELECT p.id AS id, p.name AS name, count() AS auctions
FROM Person WINDOW('tumbling', 10 SECONDS) AS p
JOIN Auction WINDOW('tumbling', 10 SECONDS) AS a ON p.id = a.seller
GROUP BY p.id, p.name;
