-- resolve: blocks of the same persons that have not ended. $1 buckets, $2 macs
SELECT u.i, b.person_id, b.tenant_id, b.actor_orgnr, b.canon, b.valid_from, b.valid_to
FROM unnest($1::int4[], $2::uuid[]) WITH ORDINALITY u(bucket, mac, i)
CROSS JOIN LATERAL (SELECT x.home, x.person_id FROM hub.alias x WHERE x.bucket = u.bucket AND x.mac = u.mac OFFSET 0) a
CROSS JOIN LATERAL (SELECT a.home, a.person_id
	UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id OFFSET 0) p
CROSS JOIN LATERAL (SELECT x.* FROM hub.block x WHERE x.bucket = p.home AND x.person_id = p.person_id AND x.valid_to > now() OFFSET 0) b
