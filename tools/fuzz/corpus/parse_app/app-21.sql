@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT v, sum(v) AS s, count() AS n FROM S WINDOW('length', 3);