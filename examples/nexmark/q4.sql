-- Nexmark q4: average price for a category. The highest bid of each auction, and their average by category.
-- A bid counts from the auction's opening to its end. The end is a column, so it says nothing about how long rows must
-- be kept; that no auction lasts a second does. 'unique' takes the highest bid of before out of the average, as the SQL
-- of Nexmark does by retraction: a row per bid that counts, with the average after it.
@app:name('nexmark-q4')
@app:playback
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, date_time LONG);

INSERT INTO Highest
SELECT a.id AS id, a.category AS category, max(b.price) AS final
FROM Auction AS a JOIN Bid AS b ON a.id = b.auction
    AND eventTimestamp(b) BETWEEN eventTimestamp(a) AND eventTimestamp(a) + 1000
    AND b.date_time <= a.expires
GROUP BY a.id, a.category;

INSERT INTO Out
SELECT category, avg(final) AS price
FROM Highest WINDOW('unique', id)
GROUP BY category;
