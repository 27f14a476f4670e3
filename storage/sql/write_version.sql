-- write: the new version; no row: somebody was first. $1 bucket, $2 tenant, $3 id, $4 version it replaces, $5 time_low, $6 time_high, $7 val_low, $8 val_high, $9 upload, $10 code, $11 unit (0: none), $12 class, $13 status, $14 category, $15 pack, $16 digest, $17 body
UPDATE hub.observation o SET version = $4::int4 + 1, time_low = $5::timestamptz, time_high = $6::timestamptz, val_low = $7::float8, val_high = $8::float8, recv = date_trunc('milliseconds', statement_timestamp()), upload_id = $9::int8,
 code = $10::int4, unit = nullif($11::int4, 0), class = $12::int2, status = $13::int2, category = $14::int4, pack = $15::int2, digest = $16::uuid, body = $17::bytea
WHERE o.bucket = $1::int4 AND o.tenant_id = $2::int4 AND o.id = $3::int8 AND o.version = $4 RETURNING o.version, o.recv
