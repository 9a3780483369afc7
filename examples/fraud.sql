-- Payments with cards: cards that are tried out, payments that nobody confirms, one card again and again.
@app:name('Fraud') @app:playback
CREATE STREAM Payments (card STRING, shop STRING, amount DOUBLE);
CREATE STREAM Confirmations (card STRING);

-- Three payments below 5, then one of 500 or more, with one card within ten minutes. One alarm, however many small ones.
@info(name='tried')
INSERT INTO Tried
SELECT a.card AS card, large.shop AS shop, large.amount AS amount, round(a.amount + sum(b.amount), 2) AS tested
FROM PATTERN (EVERY a=Payments[amount < 5]
              -> b=Payments[card = a.card AND amount < 5]{2}
              -> large=Payments[card = a.card AND amount >= 500])
WITHIN 10 MINUTES AFTER MATCH SKIP PAST LAST ROW;

-- A payment of 200 or more that the owner of the card has not confirmed after a minute, told at that moment.
@info(name='unconfirmed')
INSERT INTO Unconfirmed
SELECT p.card AS card, p.shop AS shop, p.amount AS amount
FROM PATTERN (EVERY p=Payments[amount >= 200] -> NOT Confirmations[card = p.card] FOR 1 MINUTE);

-- Four payments on the web with one card, and none with another card between them.
@info(name='web')
INSERT INTO Web SELECT card, amount FROM Payments[shop = 'web'];

@info(name='repeated')
INSERT INTO Repeated
SELECT a.card AS card, a.amount + sum(b.amount) AS amount, eventTimestamp(b) - eventTimestamp(a) AS first_pause
FROM SEQUENCE (EVERY a=Web, b=Web[card = a.card]{3}) WITHIN 1 MINUTE;
