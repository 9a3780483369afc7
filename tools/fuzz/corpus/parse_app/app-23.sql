@app:playback CREATE STREAM S (k STRING, v INT);
INSERT INTO Out SELECT k, sum(v) AS s, count() AS n FROM S WINDOW('time', 10 MILLISECONDS) GROUP BY k;