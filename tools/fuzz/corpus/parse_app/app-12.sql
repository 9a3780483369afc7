@app:playback CREATE STREAM S (d DOUBLE);
INSERT INTO Out SELECT sqrt(d) AS s, power(d, 3) AS p, exp(d - d) AS e, log(2, d) AS l2, log10(d) AS l10, ln(d) AS l, log(d) AS g FROM S;