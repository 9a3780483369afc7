@app:playback CREATE STREAM S (v INT);
INSERT INTO Out SELECT sum(v) AS s FROM S WINDOW('lengthBatch', 2);