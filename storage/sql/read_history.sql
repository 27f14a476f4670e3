-- read: the versions of a reading before $10, newest first, of which class and code are open, that were stored at or after $11; and how many there are of any number. The caller asks whether the reading itself is open, by read_id. $1..$9 as read_id_codes, $12 at most so many
SELECT z.* FROM (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.status = 0, count(*) OVER ()
	FROM (SELECT y.* FROM hub.observation y WHERE y.bucket = $1::int4 AND y.tenant_id = $2::int4 AND y.id = $4::int8
		UNION ALL SELECT y.* FROM (SELECT h.* FROM hub.observation_history h WHERE h.bucket = $1 AND h.tenant_id = $2 AND h.id = $4 OFFSET 0) y) x
	WHERE x.subject_id = $3::int8 AND x.type = $6::int2 AND x.recv >= $11::timestamptz
		AND ((1 << x.class) & $5::int4 <> 0 OR EXISTS (SELECT FROM hub.code k, unnest($7::int4[], $8::int4[]) r(canon, classes)
			WHERE k.code_id = x.code AND r.canon = CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END AND (1 << x.class) & r.classes <> 0))
		AND (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code) <> ALL ($9::int4[])) z
WHERE z.version < $10::int4 ORDER BY z.version DESC LIMIT $12::int4
