-- Temperatures beyond three deviations of their sensor's last twenty seconds, and sensors in trouble.
--
--   eventflux run examples/alerts.sql --events examples/sensors.jsonl
@app:name('Alerts') @app:playback(lateness='2 SECONDS')
CREATE STREAM Sensors (id STRING, temperature DOUBLE, humidity DOUBLE, ok BOOL);

@info(name='statistics')
INSERT INTO Scored
SELECT id, temperature, avg(temperature) AS mean, stdDev(temperature) AS sd, count() AS n
FROM Sensors[ok] WINDOW('time', 20 SECONDS)
GROUP BY id;

@info(name='outliers')
INSERT INTO Alerts
SELECT id, temperature, round(mean, 2) AS mean, round(sd, 2) AS sd
FROM Scored
WHERE n >= 5 AND abs(temperature - mean) > 3 * sd;

@info(name='broken')
INSERT INTO Broken
SELECT id, count() AS failures, window_end() AS until
FROM Sensors[NOT ok] WINDOW('tumbling', 10 SECONDS)
GROUP BY id
HAVING failures >= 2;
