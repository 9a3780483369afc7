@app:playback CREATE STREAM S (t STRING, b BOOL);
INSERT INTO Out SELECT min(t) AS lo, max(t) AS hi, min(b) AS bl, max(b) AS bh FROM S;