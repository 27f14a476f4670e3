-- write: the new version; no row: somebody was first. $1 bucket, $2 tenant, $3 id, $4 version it replaces, $5 time_low, $6 time_high, $7 val_low, $8 val_high, $9 recv, $10 upload, $11 code, $12 unit (0: none), $13 class, $14 status, $15 category, $16 pack, $17 digest, $18 body
UPDATE hub.observation o SET version = $4::int4 + 1, time_low = $5::timestamptz, time_high = $6::timestamptz, val_low = $7::float8, val_high = $8::float8, recv = $9::timestamptz, upload_id = $10::int8,
 code = $11::int4, unit = nullif($12::int4, 0), class = $13::int2, status = $14::int2, category = $15::int4, pack = $16::int2, digest = $17::uuid, body = $18::bytea
WHERE o.bucket = $1::int4 AND o.tenant_id = $2::int4 AND o.id = $3::int8 AND o.version = $4 RETURNING o.version
