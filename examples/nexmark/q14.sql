-- Nexmark q14: calculation. Bids in a range of prices, the time of day by its hour in UTC, and how often their text has
-- a 'c': Nexmark's count_char is what is missing when they are taken out.
@app:name('nexmark-q14')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, channel STRING, url STRING, extra STRING, date_time LONG);

INSERT INTO Out
SELECT auction, bidder, price * 0.908 AS price,
    CASE
        WHEN extract(HOUR FROM date_time) BETWEEN 8 AND 18 THEN 'dayTime'
        WHEN extract(HOUR FROM date_time) <= 6 OR extract(HOUR FROM date_time) >= 20 THEN 'nightTime'
        ELSE 'otherTime'
    END AS time_of_day,
    date_time, CAST(length(extra) - length(replace(extra, 'c', '')) AS LONG) AS c_counts
FROM Bid
WHERE price * 0.908 > 1000000 AND price * 0.908 < 50000000;
