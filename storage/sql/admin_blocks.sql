-- admin: the blocks of who a national id leads to, ended ones too. $1 bucket, $2 mac
SELECT b.block_id, coalesce(t.orgnr, 0), b.actor_orgnr, coalesce(k.concept, ''), to_char(b.valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	CASE WHEN b.valid_to <= now() THEN to_char(b.valid_to AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') ELSE '' END
FROM (SELECT x.home, x.person_id FROM hub.alias x WHERE x.bucket = $1::int4 AND x.mac = $2::uuid) a
CROSS JOIN LATERAL (SELECT a.home, a.person_id UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id) p
JOIN hub.block b ON b.bucket = p.home AND b.person_id = p.person_id
LEFT JOIN hub.tenant t ON t.tenant_id = b.tenant_id
LEFT JOIN hub.code k ON k.code_id = b.canon AND b.canon <> 0
ORDER BY b.block_id
