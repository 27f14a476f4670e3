-- write: components of fresh readings. $1 tenant, arrays: $2 id, $3 bucket, $4 subject, $5 time_low, $6 val_low, $7 val_high, $8 code, $9 unit (0: none), $10 kind
INSERT INTO hub.term (id, time_low, val_low, val_high, subject_id, bucket, tenant_id, code, unit, kind)
SELECT u.id, u.time_low, u.val_low, u.val_high, u.subject_id, u.bucket, $1::int4, u.code, nullif(u.unit, 0), u.kind
FROM unnest($2::int8[], $3::int4[], $4::int8[], $5::timestamptz[], $6::float8[], $7::float8[], $8::int4[], $9::int4[], $10::int2[]) u(id, bucket, subject_id, time_low, val_low, val_high, code, unit, kind)
