CREATE STREAM S (k STRING, v INT); CREATE TABLE T (k STRING, v INT, PRIMARY KEY (k, v)) WITH ('index'='v');
INSERT INTO T SELECT k, v FROM S; UPDATE T SET v = T.v + S.v, T.k = S.k FROM S WHERE T.k = S.k;
DELETE FROM T USING S[v < 0] WHERE T.k = S.k; @info(name='u') UPSERT INTO T SELECT k, count() AS v FROM S GROUP BY k ON T.k = S.k;
