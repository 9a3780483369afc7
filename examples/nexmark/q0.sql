-- Nexmark q0: pass through. What does a row cost that nothing is done to?
@app:name('nexmark-q0')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT auction, bidder, price, date_time FROM Bid;
