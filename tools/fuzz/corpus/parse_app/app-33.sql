@app:playback CREATE STREAM A (k INT, v DOUBLE); CREATE STREAM B (k INT, v DOUBLE);
INSERT INTO Out SELECT e1.k, e2[last-1].v AS v, avg(e2.v) AS mean FROM PATTERN (EVERY e1=A[v > 1] -> e2=B[k = e1.k AND (e2[last].v IS NULL OR v > e2[last].v)]{2,5} -> NOT A[k = e1.k] FOR 5 SECONDS) WITHIN 1 MINUTES EMIT TIMEOUT INTO Late AFTER MATCH SKIP PAST LAST ROW WHERE e1.v < e2[0].v;
