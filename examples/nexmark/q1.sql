-- Nexmark q1: currency conversion. Prices in euros.
@app:name('nexmark-q1')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT auction, bidder, price * 0.908 AS price, date_time FROM Bid;
