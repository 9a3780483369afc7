-- Nexmark q13: bounded side input. Bids with what a table of 10,000 rows says; it is filled before they come.
@app:name('nexmark-q13')
@app:playback
CREATE STREAM SideInput (key LONG, value LONG);
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);
CREATE TABLE Side (key LONG PRIMARY KEY, value LONG);

UPSERT INTO Side SELECT key, value FROM SideInput ON Side.key = SideInput.key;

INSERT INTO Out
SELECT b.auction AS auction, b.price AS price, s.value AS value
FROM Bid AS b JOIN Side AS s ON b.auction % 10000 = s.key;
