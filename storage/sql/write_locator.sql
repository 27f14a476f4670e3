-- write: who holds what about whom. $1 tenant, arrays ordered by (bucket, person, category, class, month): $2 person, $3 bucket, $4 category, $5 class, $6 month
INSERT INTO hub.locator (person_id, bucket, tenant_id, category, class, month)
SELECT u.person_id, u.bucket, $1::int4, u.category, u.class, u.month FROM unnest($2::int8[], $3::int4[], $4::int4[], $5::int2[], $6::int4[]) u(person_id, bucket, category, class, month)
ON CONFLICT (bucket, person_id, tenant_id, category, class, month) DO NOTHING
