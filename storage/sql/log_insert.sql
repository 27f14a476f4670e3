-- write: access log rows of one controller. $1 at, $2 tenant, arrays ordered by (bucket, id): $3 id, $4 person, $5 corr, $6 bucket, $7 actor, $8 op, $9 type, $10 outcome, $11 classes, $12 ctx, $13 leaf, $14 body
INSERT INTO hub.access_log (at, id, person_id, corr, bucket, tenant_id, actor_orgnr, op, type, outcome, classes, ctx, leaf, body)
SELECT $1::timestamptz, u.id, u.person_id, u.corr, u.bucket, $2::int4, u.actor_orgnr, u.op, u.type, u.outcome, u.classes, u.ctx, u.leaf, u.body
FROM unnest($3::int8[], $4::int8[], $5::int8[], $6::int4[], $7::int4[], $8::int2[], $9::int2[], $10::int2[], $11::int2[], $12::uuid[], $13::bytea[], $14::bytea[])
 u(id, person_id, corr, bucket, actor_orgnr, op, type, outcome, classes, ctx, leaf, body)
