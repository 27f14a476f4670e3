-- read: the Provenances of a reading: its versions before $10 that a message made, newest first, of the class and code it has now, stored at or after $11; whether it was deleted, and how many there are of any number. Open where the reading as it is now is. $1..$9 as read_id_codes, $6 the type of a Provenance, $12 at most so many. pack -1 says that body is what found.h reads
SELECT z.* FROM (SELECT x.id, v.version, x.time_low, v.recv, x.class, x.code, (-1)::int2,
	int8send(u.upload_id) || int2send(v.pack) || int4send(octet_length(u.client)) || convert_to(u.client, 'UTF8') || v.body, x.status = 0, count(*) OVER ()
	FROM (SELECT y.* FROM hub.observation y WHERE y.bucket = $1::int4 AND y.tenant_id = $2::int4 AND y.id = $4::int8 OFFSET 0) x
	CROSS JOIN LATERAL (SELECT x.version, x.recv, x.pack, x.body, x.upload_id
		UNION ALL SELECT y.version, y.recv, y.pack, y.body, y.upload_id
		FROM (SELECT h.* FROM hub.observation_history h WHERE h.bucket = $1 AND h.tenant_id = $2 AND h.id = $4 OFFSET 0) y WHERE y.class = x.class AND y.code = x.code) v
	CROSS JOIN LATERAL (SELECT t.upload_id, t.client FROM hub.upload t WHERE t.bucket = $1 AND t.tenant_id = $2 AND t.upload_id = v.upload_id OFFSET 0) u
	WHERE x.subject_id = $3::int8 AND x.type = 1 AND $6::int2 = 7 AND v.recv >= $11::timestamptz
		AND ((1 << x.class) & $5::int4 <> 0 OR EXISTS (SELECT FROM hub.code k, unnest($7::int4[], $8::int4[]) r(canon, classes)
			WHERE k.code_id = x.code AND r.canon = CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END AND (1 << x.class) & r.classes <> 0))
		AND (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code) <> ALL ($9::int4[])) z(id, version)
WHERE z.version < $10::int4 ORDER BY z.version DESC LIMIT $12::int4
