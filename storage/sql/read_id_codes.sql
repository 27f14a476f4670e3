-- read: as read_id, for a part of a grant that opens or closes single codes (it starts more slowly). $7 canons that are open besides, $8 in which classes, $9 canons that are blocked
SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.status = 0
FROM (SELECT y.* FROM hub.observation y WHERE y.bucket = $1::int4 AND y.tenant_id = $2::int4 AND y.id = $4::int8 OFFSET 0) x
WHERE x.subject_id = $3::int8 AND x.type = $6::int2
	AND ((1 << x.class) & $5::int4 <> 0 OR EXISTS (SELECT FROM hub.code k, unnest($7::int4[], $8::int4[]) r(canon, classes)
		WHERE k.code_id = x.code AND r.canon = CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END AND (1 << x.class) & r.classes <> 0))
	AND (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code) <> ALL ($9::int4[])
