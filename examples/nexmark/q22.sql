-- Nexmark q22: get URL directories. Nexmark's split_index is what stands between two slashes: each query finds one
-- more.
@app:name('nexmark-q22')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, channel STRING, url STRING, extra STRING, date_time LONG);

INSERT INTO First
SELECT *, locate('/', url, 9) AS first FROM Bid;

INSERT INTO Second
SELECT *, locate('/', url, first + 1) AS second FROM First;

INSERT INTO Third
SELECT *, locate('/', url, second + 1) AS third FROM Second;

INSERT INTO Out
SELECT auction, bidder, price, channel,
    substring(url, first + 1, second - first - 1) AS dir1,
    substring(url, second + 1, third - second - 1) AS dir2,
    substring(url, third + 1, locate('/', url, third + 1) - third - 1) AS dir3
FROM Third;
