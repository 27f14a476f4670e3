-- write: components of the version that is replaced. $1 bucket, $2 tenant, $3 subject, $4 id
DELETE FROM hub.term t WHERE t.bucket = $1::int4 AND t.tenant_id = $2::int4 AND t.subject_id = $3::int8 AND t.id = $4::int8
