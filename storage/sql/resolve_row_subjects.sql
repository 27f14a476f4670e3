-- resolve: as resolve_subjects, from a row's coordinates. $1 buckets, $2 tenants, $3 subjects
SELECT u.i, p.home, p.person_id, s.tenant_id, s.subject_id
FROM unnest($1::int4[], $2::int4[], $3::int8[]) WITH ORDINALITY u(bucket, tenant_id, subject_id, i)
CROSS JOIN LATERAL (SELECT x.bucket AS home, x.person_id FROM hub.subject x WHERE x.bucket = u.bucket AND x.tenant_id = u.tenant_id AND x.subject_id = u.subject_id OFFSET 0) a
CROSS JOIN LATERAL (SELECT a.home, a.person_id
	UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id OFFSET 0) p
LEFT JOIN LATERAL (SELECT x.tenant_id, x.subject_id FROM hub.subject x WHERE x.bucket = p.home AND x.person_id = p.person_id OFFSET 0) s ON true
