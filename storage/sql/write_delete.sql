-- write: a row named by its id becomes a tombstone (status 0, no value, no body), if it is of the version that is expected ($5; 0: any) and is none already; the version before goes to the history, its components go. No row: there is none. $1 bucket, $2 tenant, $3 id, $4 subject, $5 expected, $6 upload, $7 type. The time of receipt is never before that of the version before. IS TRUE: planned on an empty table, another index would be walked to the id
WITH old AS MATERIALIZED (SELECT o.* FROM hub.observation o WHERE o.bucket = $1::int4 AND o.tenant_id = $2::int4 AND o.id = $3::int8 AND (o.subject_id = $4::int8 AND o.type = $7::int2) IS TRUE FOR UPDATE),
go AS MATERIALIZED (SELECT old.* FROM old WHERE $5::int4 IN (0, old.version) AND old.status <> 0),
h AS (INSERT INTO hub.observation_history (id, time_low, time_high, val_low, val_high, recv, subject_id, upload_id, bucket, tenant_id, code, category, unit, version, type, class, status, pack, digest, body)
 SELECT o.id, o.time_low, o.time_high, o.val_low, o.val_high, o.recv, o.subject_id, o.upload_id, o.bucket, o.tenant_id, o.code, o.category, o.unit, o.version, o.type, o.class, o.status, o.pack, o.digest, o.body FROM go o),
t AS (DELETE FROM hub.term t USING go WHERE t.bucket = $1 AND t.tenant_id = $2 AND t.subject_id = $4 AND t.id = go.id),
u AS (UPDATE hub.observation o SET version = go.version + 1, val_low = NULL, val_high = NULL, unit = NULL, recv = greatest(date_trunc('milliseconds', statement_timestamp()), go.recv), upload_id = $6::int8, status = 0, pack = 0, body = ''
 FROM go WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.id = $3 RETURNING o.version, o.recv)
SELECT old.version, old.status = 0, coalesce((SELECT u.recv FROM u), old.recv), false, coalesce((SELECT u.version FROM u), 0) FROM old
