-- write: keeps the version that is about to be replaced. $1 bucket, $2 tenant, $3 id, $4 version
INSERT INTO hub.observation_history (id, time_low, time_high, val_low, val_high, recv, subject_id, upload_id, bucket, tenant_id, code, category, unit, version, type, class, status, pack, digest, body)
SELECT o.id, o.time_low, o.time_high, o.val_low, o.val_high, o.recv, o.subject_id, o.upload_id, o.bucket, o.tenant_id, o.code, o.category, o.unit, o.version, o.type, o.class, o.status, o.pack, o.digest, o.body
FROM hub.observation o WHERE o.bucket = $1::int4 AND o.tenant_id = $2::int4 AND o.id = $3::int8 AND o.version = $4::int4
