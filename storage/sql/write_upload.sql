-- write: messages as they came. $1 tenant, $2 recv, arrays: $3 upload, $4 bucket, $5 door, $6 pack, $7 client, $8 body
INSERT INTO hub.upload (upload_id, recv, bucket, tenant_id, door, pack, client, body)
SELECT u.upload_id, $2::timestamptz, u.bucket, $1::int4, u.door, u.pack, u.client, u.body
FROM unnest($3::int8[], $4::int4[], $5::int2[], $6::int2[], $7::text[], $8::bytea[]) u(upload_id, bucket, door, pack, client, body)
