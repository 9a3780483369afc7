-- Nexmark q21: add channel id. Four channels have a number; others have their id in the URL, behind 'channel_id=' and
-- up to its end, as the generator writes it: Nexmark's SQL takes it out by a regular expression.
@app:name('nexmark-q21')
@app:playback
CREATE STREAM Bid (auction LONG, bidder LONG, price LONG, channel STRING, url STRING, extra STRING, date_time LONG);

INSERT INTO Out
SELECT auction, bidder, price, channel,
    CASE lower(channel)
        WHEN 'apple' THEN '0'
        WHEN 'google' THEN '1'
        WHEN 'facebook' THEN '2'
        WHEN 'baidu' THEN '3'
        ELSE substring(url, position('channel_id=', url) + 11)
    END AS channel_id
FROM Bid
WHERE lower(channel) IN ('apple', 'google', 'facebook', 'baidu') OR position('channel_id=', url) > 0;
