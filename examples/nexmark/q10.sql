-- Nexmark q10: log to a file system. What goes to the files: each bid with its day and minute. Times are in UTC. Files
-- by day and minute are not part of it: a sink writes one file.
@app:name('nexmark-q10')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, channel STRING, url STRING, extra STRING, date_time LONG);

INSERT INTO Out
SELECT auction, bidder, price, date_time, extra,
    formatDate(date_time, '%Y-%m-%d') AS day, formatDate(date_time, '%H:%M') AS minute
FROM Bid;
