@app:playback CREATE STREAM S (d DOUBLE);
INSERT INTO Out SELECT d * -1 AS a, -d AS b, ceil(d - 0.5) AS c FROM S;