-- read: what kinds of data a controller holds of a person, and the newest month in which something of each is still there: the locator keeps what was written, a month whose readings were deleted or moved is passed over. $1 bucket, $2 tenant, $3 person, $4 subject, $5 classes that are open. A reading without a time counts for the month it came in, by a clock that may be a day off. IS TRUE, and no EXISTS: walks, one each
SELECT coalesce(k.concept, ''), max(m.month)
FROM (SELECT DISTINCT x.category, x.class FROM hub.locator x
	WHERE x.bucket = $1::int4 AND x.person_id = $3::int8 AND x.tenant_id = $2::int4 AND (1 << x.class) & $5::int4 <> 0) c
CROSS JOIN LATERAL (SELECT l.month FROM hub.locator l
	CROSS JOIN LATERAL (SELECT (timestamp '1970-01-01' + l.month * interval '1 month') AT TIME ZONE 'UTC' AS first, (timestamp '1970-01-01' + (l.month + 1) * interval '1 month') AT TIME ZONE 'UTC' AS after) t
	WHERE l.bucket = $1 AND l.person_id = $3 AND l.tenant_id = $2 AND l.category = c.category AND l.class = c.class
		AND ((SELECT true FROM hub.observation o WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.subject_id = $4::int8 AND o.type = 1
				AND o.time_low >= t.first AND o.time_low < t.after AND (o.category = l.category AND o.class = l.class AND o.status <> 0) IS TRUE LIMIT 1) IS TRUE
			OR (SELECT true FROM hub.observation o WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.subject_id = $4 AND o.type = 1
				AND o.time_low = '-infinity' AND (o.recv >= t.first - interval '1 day' AND o.recv < t.after + interval '1 day'
					AND o.category = l.category AND o.class = l.class AND o.status <> 0) IS TRUE LIMIT 1) IS TRUE)
	ORDER BY l.month DESC LIMIT 1) m
LEFT JOIN LATERAL (SELECT y.concept FROM hub.code y WHERE y.code_id = c.category LIMIT 1) k ON true
GROUP BY 1
