-- read: a reading by its id, if its class is open for all codes; its tombstone too, which says so. $1 bucket, $2 tenant, $3 subject, $4 id, $5 classes, $6 type. IS TRUE: planned on an empty table, another index would be walked to the id
SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.status = 0 FROM hub.observation x
WHERE x.bucket = $1::int4 AND x.tenant_id = $2::int4 AND x.id = $4::int8 AND (x.subject_id = $3::int8 AND x.type = $6::int2 AND (1 << x.class) & $5::int4 <> 0) IS TRUE
