-- admin: what an organisation's staff and systems looked at, whosever it was, newest first, by hub_audit bound to it. $1 to $4 as in admin_log_tenant.sql, $5 actor's orgnr
SELECT (extract(epoch FROM l.at) * 1000000)::int8, l.id, l.corr, l.tenant_id, l.actor_orgnr, l.op, l.type, l.outcome, l.classes, l.person_id, l.bucket,
	encode(l.body, 'hex'), encode(l.leaf, 'hex'), replace(l.ctx::text, '-', ''), encode(c.body, 'hex')
FROM (SELECT x.* FROM hub.access_log x
	WHERE x.actor_orgnr = $5::int4 AND x.at >= 'epoch'::timestamptz + $3::int8 * interval '1 microsecond' AND x.at <= 'epoch'::timestamptz + $1::int8 * interval '1 microsecond'
		AND (x.at, x.id) < ('epoch'::timestamptz + $1::int8 * interval '1 microsecond', $2::int8)
	ORDER BY x.at DESC, x.id DESC LIMIT $4::int4) l
LEFT JOIN LATERAL (SELECT y.body FROM hub.log_ctx y WHERE y.ctx = l.ctx LIMIT 1) c ON true
ORDER BY l.at DESC, l.id DESC
