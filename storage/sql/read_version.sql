-- read: an older version of a reading, if its own class and code are open. The caller asks whether the reading itself is, by read_id. $1..$9 as read_id_codes, $10 version
SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.status = 0
FROM (SELECT y.* FROM hub.observation_history y WHERE y.bucket = $1::int4 AND y.tenant_id = $2::int4 AND y.id = $4::int8 AND y.version = $10::int4 OFFSET 0) x
WHERE x.subject_id = $3::int8 AND x.type = $6::int2
	AND ((1 << x.class) & $5::int4 <> 0 OR EXISTS (SELECT FROM hub.code k, unnest($7::int4[], $8::int4[]) r(canon, classes)
		WHERE k.code_id = x.code AND r.canon = CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END AND (1 << x.class) & r.classes <> 0))
	AND (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code) <> ALL ($9::int4[])
