-- Volume-weighted average price per symbol and second, with the number of trades.
--
--   eventflux run examples/vwap.sql --events examples/trades.jsonl
@app:name('Vwap') @app:playback
CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);

INSERT INTO Vwap
SELECT sym, sum(price * qty) / sum(qty) AS vwap, sum(qty) AS volume, count() AS trades, window_end() AS until
FROM Trades WINDOW('tumbling', 1 SECONDS)
GROUP BY sym;
