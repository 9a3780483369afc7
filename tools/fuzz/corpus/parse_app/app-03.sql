@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT sum(v) AS s FROM S HAVING s > 0;