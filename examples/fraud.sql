-- Payments with cards: much in a minute, cards that are tried out, payments that nobody confirms, one card again and again.
--
--   eventflux run examples/fraud.sql --events examples/payments.jsonl
@app:name('Fraud') @app:playback
CREATE STREAM Payments (card STRING, shop STRING, amount DOUBLE);
CREATE STREAM Confirmations (card STRING);

-- A card that has spent more than 1,000 within a minute, told once each time: total - amount is the total before the payment.
@info(name='spender')
INSERT INTO Spender
SELECT card, sum(amount) AS total FROM Payments WINDOW('time', 1 MINUTE)
GROUP BY card
HAVING total > 1000 AND total - amount <= 1000;

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
