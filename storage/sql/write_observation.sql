-- write: probes, inserts the readings none of whose keys is known, and reports the hits. $1..$19 as write_new; keys ordered by (bucket, key): $20 id of the reading, $21 bucket, $22 key, $23 its digest; terms as write_new_terms: $24 id, $25 bucket, $26 subject, $27 time_low, $28 val_low, $29 val_high, $30 code, $31 unit, $32 kind
WITH k AS MATERIALIZED (SELECT * FROM unnest($20::int8[], $21::int4[], $22::uuid[], $23::uuid[]) u(id, bucket, key, digest)),
hit AS MATERIALIZED (SELECT k.id AS sent, k.key, k.digest, k.bucket, h.id FROM k
 CROSS JOIN LATERAL (SELECT x.id FROM hub.obs_key x WHERE x.bucket = k.bucket AND x.tenant_id = $1::int4 AND x.key = k.key LIMIT 1) h),
o AS (INSERT INTO hub.observation (id, time_low, time_high, val_low, val_high, recv, subject_id, upload_id, bucket, tenant_id, code, unit, version, type, class, status, category, pack, digest, body)
 SELECT u.id, u.time_low, u.time_high, u.val_low, u.val_high, $2::timestamptz, u.subject_id, u.upload_id, u.bucket, $1, u.code, nullif(u.unit, 0), 1, u.type, u.class, u.status, u.category, u.pack, u.digest, u.body
 FROM unnest($3::int8[], $4::int4[], $5::int8[], $6::timestamptz[], $7::timestamptz[], $8::float8[], $9::float8[], $10::int4[], $11::int4[], $12::int2[], $13::int2[], $14::int2[], $15::int4[], $16::int2[], $17::uuid[], $18::bytea[], $19::int8[])
 u(id, bucket, subject_id, time_low, time_high, val_low, val_high, code, unit, type, class, status, category, pack, digest, body, upload_id)
 WHERE u.id NOT IN (SELECT sent FROM hit)),
kk AS (INSERT INTO hub.obs_key (id, bucket, tenant_id, key) SELECT k.id, k.bucket, $1, k.key FROM k WHERE k.id NOT IN (SELECT sent FROM hit)),
t AS (INSERT INTO hub.term (id, time_low, val_low, val_high, subject_id, bucket, tenant_id, code, unit, kind)
 SELECT u.id, u.time_low, u.val_low, u.val_high, u.subject_id, u.bucket, $1, u.code, nullif(u.unit, 0), u.kind
 FROM unnest($24::int8[], $25::int4[], $26::int8[], $27::timestamptz[], $28::float8[], $29::float8[], $30::int4[], $31::int4[], $32::int2[]) u(id, bucket, subject_id, time_low, val_low, val_high, code, unit, kind)
 WHERE u.id NOT IN (SELECT sent FROM hit))
SELECT h.sent, h.key, h.id, x.version, x.digest = h.digest, x.recv, x.upload_id,
 x.version > 1 AND EXISTS (SELECT FROM hub.observation_history y WHERE y.bucket = h.bucket AND y.tenant_id = $1 AND y.id = h.id AND y.digest = h.digest)
FROM hit h CROSS JOIN LATERAL (SELECT y.version, y.digest, y.recv, y.upload_id FROM hub.observation y WHERE y.bucket = h.bucket AND y.tenant_id = $1 AND y.id = h.id LIMIT 1) x
