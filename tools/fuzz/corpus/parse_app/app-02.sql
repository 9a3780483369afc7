@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT sum(v) AS a, sum(v) AS b, sum(v) + sum(v) AS c FROM S;