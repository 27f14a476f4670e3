-- resolve: subjects of persons at a controller that has none for any of the joined persons; of these the one with the lowest number gets it. $1 buckets, $2 macs, $3 tenants
INSERT INTO hub.subject (subject_id, person_id, bucket, tenant_id)
SELECT nextval('hub.subject_id'), n.person_id, n.home, n.tenant_id FROM (
	SELECT DISTINCT p.home, p.person_id, u.tenant_id FROM unnest($1::int4[], $2::uuid[], $3::int4[]) u(bucket, mac, tenant_id)
	CROSS JOIN LATERAL (SELECT x.home, x.person_id FROM hub.alias x WHERE x.bucket = u.bucket AND x.mac = u.mac OFFSET 0) a
	CROSS JOIN LATERAL (SELECT q.home, q.person_id FROM (SELECT a.home, a.person_id
			UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id) q
		ORDER BY q.person_id, q.home LIMIT 1) p
	WHERE NOT EXISTS (SELECT FROM (SELECT a.home, a.person_id
			UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id) q
		CROSS JOIN LATERAL (SELECT FROM hub.subject x WHERE x.bucket = q.home AND x.person_id = q.person_id AND x.tenant_id = u.tenant_id LIMIT 1) s)
	ORDER BY p.home, p.person_id, u.tenant_id) n
ON CONFLICT DO NOTHING
