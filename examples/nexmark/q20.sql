-- Nexmark q20: bids with their auction, of category 10.
-- Neither side has a window, as in Nexmark's SQL: bids are kept, since some come before their auction.
@app:name('nexmark-q20')
@app:playback
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Out
SELECT b.auction AS auction, b.bidder AS bidder, b.price AS price, a.seller AS seller
FROM Bid AS b JOIN Auction[category = 10] AS a ON b.auction = a.id;
