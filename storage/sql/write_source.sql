-- write: second sources of readings that are there. $1 tenant, $2 recv, arrays ordered by (bucket, id): $3 id, $4 upload, $5 bucket
INSERT INTO hub.obs_source (id, upload_id, recv, bucket, tenant_id)
SELECT u.id, u.upload_id, $2::timestamptz, u.bucket, $1::int4 FROM unnest($3::int8[], $4::int8[], $5::int4[]) u(id, upload_id, bucket)
ON CONFLICT (bucket, tenant_id, id, upload_id) DO NOTHING
