@app:playback CREATE STREAM S (t STRING);
INSERT INTO Out SELECT count() AS n, count(t) AS c, count(DISTINCT t) AS d, distinctCount(t) AS e FROM S;