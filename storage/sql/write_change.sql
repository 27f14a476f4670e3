-- write: a new version of a row named by its id, if it is of the version that is expected ($5; 0: any), is not the same already, and none of its keys is another row's; the version before goes to the history. No row: there is none. $1 bucket, $2 tenant, $3 id, $4 subject, $5 expected, $6 time_low, $7 time_high, $8 val_low, $9 val_high, $10 upload, $11 code, $12 unit (0: none), $13 class, $14 status, $15 category, $16 pack, $17 digest, $18 body, $19 keys, $20 type. The time of receipt is never before that of the version before. IS TRUE: planned on an empty table, another index would be walked to the id
WITH old AS MATERIALIZED (SELECT o.* FROM hub.observation o WHERE o.bucket = $1::int4 AND o.tenant_id = $2::int4 AND o.id = $3::int8 AND (o.subject_id = $4::int8 AND o.type = $20::int2) IS TRUE FOR UPDATE),
clash AS MATERIALIZED (SELECT k.id FROM unnest($19::uuid[]) u(key)
 CROSS JOIN LATERAL (SELECT x.id FROM hub.obs_key x WHERE x.bucket = $1 AND x.tenant_id = $2 AND x.key = u.key LIMIT 1) k WHERE k.id <> $3 LIMIT 1),
go AS MATERIALIZED (SELECT old.* FROM old WHERE $5::int4 IN (0, old.version) AND NOT EXISTS (SELECT FROM clash)
 AND (old.status = 0 OR old.pack <> $16::int2 OR old.body <> $18::bytea)),
h AS (INSERT INTO hub.observation_history (id, time_low, time_high, val_low, val_high, recv, subject_id, upload_id, bucket, tenant_id, code, category, unit, version, type, class, status, pack, digest, body)
 SELECT o.id, o.time_low, o.time_high, o.val_low, o.val_high, o.recv, o.subject_id, o.upload_id, o.bucket, o.tenant_id, o.code, o.category, o.unit, o.version, o.type, o.class, o.status, o.pack, o.digest, o.body FROM go o),
u AS (UPDATE hub.observation o SET version = go.version + 1, time_low = $6::timestamptz, time_high = $7::timestamptz, val_low = $8::float8, val_high = $9::float8, recv = greatest(date_trunc('milliseconds', statement_timestamp()), go.recv), upload_id = $10::int8,
  code = $11::int4, unit = nullif($12::int4, 0), class = $13::int2, status = $14::int2, category = $15::int4, pack = $16, digest = $17::uuid, body = $18
 FROM go WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.id = $3 RETURNING o.version, o.recv)
SELECT old.version, old.status = 0, coalesce((SELECT u.recv FROM u), old.recv), EXISTS (SELECT FROM clash), coalesce((SELECT u.version FROM u), 0) FROM old
