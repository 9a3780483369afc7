-- The two symbols with most turnover in each ten seconds, seen every five.
--
--   eventflux run examples/top.sql --events examples/trades.jsonl
@app:name('Top') @app:playback
CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);

INSERT INTO Top
SELECT window_start() AS since, window_end() AS until, sym, sum(price * qty) AS turnover
FROM Trades WINDOW('hop', 10 SECONDS, 5 SECONDS)
GROUP BY sym
ORDER BY turnover DESC
LIMIT 2;
