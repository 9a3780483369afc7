-- Readings of sensors: their means, readings that are odd for their sensor, sensors that fell silent, and what came late.
--
--   eventflux run examples/sensors.sql --input Readings=examples/readings.csv --time-column time
@app:name('Sensors') @app:playback(lateness='3 SECONDS')
CREATE STREAM Readings (sensor STRING, celsius DOUBLE);

-- The mean of each sensor in each ten seconds. Readings have three seconds to arrive; later ones go to TooLate.
@info(name='means', late.stream='TooLate')
INSERT INTO Means
SELECT sensor, round(avg(celsius), 2) AS mean, count() AS readings, window_end() AS until
FROM Readings WINDOW('tumbling', 10 SECONDS)
GROUP BY sensor;

-- A reading that is three deviations away from the last twenty of its sensor, itself among them.
@info(name='odd')
INSERT INTO Odd
SELECT sensor, celsius,
       avg(celsius) OVER (PARTITION BY sensor ROWS 19 PRECEDING) AS mean,
       stdDev(celsius) OVER (PARTITION BY sensor ROWS 19 PRECEDING) AS deviation
FROM Readings
HAVING row_number() OVER (PARTITION BY sensor) >= 20 AND abs(celsius - mean) > 3 * deviation;

-- No reading for fifteen seconds after the last one, told when they are over.
@info(name='silent')
INSERT INTO Silent
SELECT last.sensor AS sensor, last.celsius AS last_value
FROM PATTERN (EVERY last=Readings -> NOT Readings[sensor = last.sensor] FOR 15 SECONDS);
