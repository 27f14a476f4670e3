-- audit: a person's log, newest first. $1 bucket, $2 person, $3 and $4 at and id of the last row seen, $5 limit, $6 oldest time asked for: the plain bound that spares partitions (a row comparison alone spares none)
SELECT l.at, l.id, l.corr, l.tenant_id, l.actor_orgnr, l.op, l.type, l.outcome, l.classes, l.body, c.body
FROM (SELECT x.* FROM hub.access_log x
	WHERE x.bucket = $1::int4 AND x.person_id = $2::int8 AND x.at >= $6::timestamptz AND x.at <= $3::timestamptz AND (x.at, x.id) < ($3::timestamptz, $4::int8)
	ORDER BY x.at DESC, x.id DESC LIMIT $5::int4) l
LEFT JOIN LATERAL (SELECT y.body FROM hub.log_ctx y WHERE y.ctx = l.ctx LIMIT 1) c ON true
