-- write: probes, inserts the readings none of whose keys is known, and reports the hits, and in a row of reading 0 the time of receipt. $1..$18 as write_new; keys ordered by (bucket, key): $19 id of the reading, $20 bucket, $21 key, $22 its digest; terms as write_new_terms: $23 id, $24 bucket, $25 subject, $26 time_low, $27 val_low, $28 val_high, $29 code, $30 unit, $31 kind
WITH k AS MATERIALIZED (SELECT * FROM unnest($19::int8[], $20::int4[], $21::uuid[], $22::uuid[]) u(id, bucket, key, digest)),
hit AS MATERIALIZED (SELECT k.id AS sent, k.key, k.digest, k.bucket, h.id FROM k
 CROSS JOIN LATERAL (SELECT x.id FROM hub.obs_key x WHERE x.bucket = k.bucket AND x.tenant_id = $1::int4 AND x.key = k.key LIMIT 1) h),
o AS (INSERT INTO hub.observation (id, time_low, time_high, val_low, val_high, recv, subject_id, upload_id, bucket, tenant_id, code, unit, version, type, class, status, category, pack, digest, body)
 SELECT u.id, u.time_low, u.time_high, u.val_low, u.val_high, date_trunc('milliseconds', statement_timestamp()), u.subject_id, u.upload_id, u.bucket, $1, u.code, nullif(u.unit, 0), 1, u.type, u.class, u.status, u.category, u.pack, u.digest, u.body
 FROM unnest($2::int8[], $3::int4[], $4::int8[], $5::timestamptz[], $6::timestamptz[], $7::float8[], $8::float8[], $9::int4[], $10::int4[], $11::int2[], $12::int2[], $13::int2[], $14::int4[], $15::int2[], $16::uuid[], $17::bytea[], $18::int8[])
 u(id, bucket, subject_id, time_low, time_high, val_low, val_high, code, unit, type, class, status, category, pack, digest, body, upload_id)
 WHERE u.id NOT IN (SELECT sent FROM hit)),
kk AS (INSERT INTO hub.obs_key (id, bucket, tenant_id, key) SELECT k.id, k.bucket, $1, k.key FROM k WHERE k.id NOT IN (SELECT sent FROM hit)),
t AS (INSERT INTO hub.term (id, time_low, val_low, val_high, subject_id, bucket, tenant_id, code, unit, kind)
 SELECT u.id, u.time_low, u.val_low, u.val_high, u.subject_id, u.bucket, $1, u.code, nullif(u.unit, 0), u.kind
 FROM unnest($23::int8[], $24::int4[], $25::int8[], $26::timestamptz[], $27::float8[], $28::float8[], $29::int4[], $30::int4[], $31::int2[]) u(id, bucket, subject_id, time_low, val_low, val_high, code, unit, kind)
 WHERE u.id NOT IN (SELECT sent FROM hit))
SELECT h.sent, h.key, h.id, x.version, x.digest = h.digest, x.recv, x.upload_id,
 x.version > 1 AND (SELECT true FROM hub.observation_history y WHERE y.bucket = h.bucket AND y.tenant_id = $1 AND y.id = h.id AND y.digest = h.digest LIMIT 1) IS NOT NULL, x.status = 0
FROM hit h CROSS JOIN LATERAL (SELECT y.version, y.digest, y.recv, y.upload_id, y.status FROM hub.observation y WHERE y.bucket = h.bucket AND y.tenant_id = $1 AND y.id = h.id LIMIT 1) x
UNION ALL SELECT 0, NULL, 0, 0, false, date_trunc('milliseconds', statement_timestamp()), 0, false, false
