-- Nexmark q3: local item suggestion. Who sells in category 10, of those in three states?
-- Neither side has a window, as in Nexmark's SQL: each keeps its rows, so that a person may come behind an auction.
@app:name('nexmark-q3')
@app:playback
CREATE STREAM Person (id LONG, name STRING, city STRING, state STRING, date_time LONG);
CREATE STREAM Auction (id LONG, date_time LONG, expires LONG, seller LONG, category LONG);

INSERT INTO Out
SELECT p.name AS name, p.city AS city, p.state AS state, a.id AS id
FROM Auction[category = 10] AS a
JOIN Person[state IN ('or', 'id', 'ca')] AS p ON a.seller = p.id;
