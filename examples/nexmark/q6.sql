-- Nexmark q6: average selling price by seller, over the last ten auctions that the seller has closed.
-- No auction lasts a second, so a second after its opening it is closed and its highest bid is final: 'delay'. Auctions
-- follow each other by their opening. Nexmark counts ten rows per seller, which would be a window per key; a table with
-- places per seller that are written in turn is one. There are more than ten, as several auctions may close in one
-- moment, and then all are written before the first is read. 'length' of one row takes what the auction before has read
-- out of the average; a row is shown when all that count are in it.
@app:name('nexmark-q6')
@app:playback
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);
CREATE TABLE Highest (id LONG PRIMARY KEY, price LONG) WITH ('ttl'='3 SECONDS');
CREATE TABLE Sales (seller LONG, place LONG, number LONG, price LONG, PRIMARY KEY (seller, place))
WITH ('index'='seller');

UPSERT INTO Highest
SELECT a.id AS id, max(b.price) AS price
FROM Auction AS a JOIN Bid AS b ON a.id = b.auction
    AND eventTimestamp(b) BETWEEN eventTimestamp(a) AND eventTimestamp(a) + 1000
    AND b.date_time <= a.expires
GROUP BY a.id
ON Highest.id = a.id;

INSERT INTO Closed
SELECT a.seller AS seller, h.price AS price, count() AS number
FROM Auction WINDOW('delay', 1001 MILLISECONDS) AS a JOIN Highest AS h ON a.id = h.id
GROUP BY a.seller;

UPSERT INTO Sales
SELECT seller, number % 16 AS place, number, price
FROM Closed
ON Sales.seller = Closed.seller AND Sales.place = Closed.number % 16;

INSERT INTO Out
SELECT c.seller AS seller, avg(s.price) AS price
FROM Closed WINDOW('length', 1) AS c JOIN Sales AS s ON c.seller = s.seller
    AND s.number <= c.number AND s.number > c.number - 10
GROUP BY c.seller
HAVING count() = minimum(c.number, 10);
