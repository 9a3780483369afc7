-- Nexmark q18: the last bid of each bidder on each auction. A bid comes out, and what it replaces goes, as in Nexmark's
-- SQL, where a row number is asked to be 1.
@app:name('nexmark-q18')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT ALL EVENTS INTO Out
SELECT auction, bidder, price, date_time
FROM Bid WINDOW('unique', bidder, auction);
