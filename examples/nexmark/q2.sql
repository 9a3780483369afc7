-- Nexmark q2: selection. Bids on some auctions.
@app:name('nexmark-q2')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT auction, price FROM Bid WHERE auction % 123 = 0;
