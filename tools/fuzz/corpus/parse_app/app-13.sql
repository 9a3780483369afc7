@app:playback CREATE STREAM S (t STRING, n INT);
INSERT INTO Out SELECT lpad(t, 4, 'xy') AS a, rpad(t, 4, 'xy') AS b, ascii(t) AS c, chr(n) AS d FROM S;