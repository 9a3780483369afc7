@app:playback CREATE STREAM S (b BOOL, i INT, f FLOAT, d DOUBLE);
INSERT INTO Out SELECT CAST(b AS STRING) AS b, CAST(i AS STRING) AS i, CAST(f AS STRING) AS f, convert(d, 'string') AS d FROM S;