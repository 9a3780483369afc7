@app:playback CREATE STREAM S (i INT, l LONG, d DOUBLE);
INSERT INTO SameLong SELECT i FROM S[i = l];
INSERT INTO BelowDouble SELECT i FROM S[i < d];