@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT window_start() AS a, count() AS n FROM S WINDOW('tumbling', 10 MILLISECONDS, 3 MILLISECONDS);