-- Trades with what is known of their symbol, and the quote that stood when they were made.
--
--   eventflux run examples/enriched.sql --events examples/market.jsonl
@app:name('Enriched') @app:playback
CREATE STREAM Instruments (sym STRING, sector STRING, lot INT);
CREATE STREAM Quotes (sym STRING, bid DOUBLE, ask DOUBLE);
CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);

-- The latest word on each symbol.
CREATE TABLE Known (sym STRING PRIMARY KEY, sector STRING, lot INT);

@info(name='known')
UPSERT INTO Known SELECT sym, sector, lot FROM Instruments ON Known.sym = Instruments.sym;

-- A trade of a symbol that nobody knows, or without a quote of the last five seconds, has NULL there.
@info(name='enriched')
INSERT INTO Enriched
SELECT t.sym AS sym, sector, qty / lot AS lots, price, round(price - (bid + ask) / 2, 4) AS over_mid,
       eventTimestamp(t) - eventTimestamp(q) AS quote_age
FROM Trades AS t
LEFT JOIN Known AS k ON t.sym = k.sym
ASOF LEFT JOIN Quotes[bid < ask] AS q ON t.sym = q.sym WITHIN 5 SECONDS;

-- What was paid above the middle, by sector, over the last minute.
@info(name='costs')
INSERT INTO Costs
SELECT sector, count() AS trades, round(sum(over_mid * lots), 2) AS cost
FROM Enriched[over_mid IS NOT NULL] WINDOW('time', 1 MINUTE)
GROUP BY sector;
