-- A web server's log, read as it is: visits, requests and errors of each minute, and the pages that are asked for most.
--   eventflux run examples/weblog.sql --flush
-- The time of a line is what stands in its brackets; a line is written when its request ends, so it may be late.
@app:name('Weblog')
CREATE STREAM Lines (line STRING) WITH (
    'type'='source', 'extension'='file', 'path'='examples/access.log', 'format'='text',
    'timestamp.regexp'='\[([^\]]+)\]', 'timestamp.format'='%d/%b/%Y:%H:%M:%S %z', 'lateness'='30 SECONDS');

-- Of a line that is no request the status is NULL, and it does not pass.
@info(name='hits')
INSERT INTO Hits
SELECT split_part(line, ' ', 1) AS address,
       regexp_extract(line, '"([A-Z]+) ([^ ?"]+)', 2) AS page,
       CAST(regexp_extract(line, '" (\d{3}) ', 1) AS INT) AS status
FROM Lines
WHERE regexp(line, '^[^"]+"[A-Z]+ [^"]+" \d{3} ');

-- Ten minutes without a request end a visit.
@info(name='visits')
INSERT INTO Visits
SELECT address, count() AS requests, first(page) AS entry,
       (max(eventTimestamp()) - min(eventTimestamp())) / 1000 AS seconds
FROM Hits WINDOW('sessionBatch', 10 MINUTES, address)
GROUP BY address;

@info(name='minutes')
INSERT INTO Minutes
SELECT formatDate(window_start(), '%H:%M') AS minute, count() AS requests,
       sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors
FROM Hits WINDOW('tumbling', 1 MINUTE);

@info(name='pages')
INSERT INTO Pages
SELECT page, count() AS hits
FROM Hits[status < 400] WINDOW('tumbling', 15 MINUTES)
GROUP BY page
ORDER BY hits DESC, page
LIMIT 3;
