@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT sum(v) AS s, count() AS n FROM S WINDOW('timeBatch', 10 MILLISECONDS);