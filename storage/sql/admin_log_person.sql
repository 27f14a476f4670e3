-- admin: the same of some persons, who are one patient, by hub_audit bound to a controller or an actor. $1 to $4 as in admin_log_tenant.sql, $5 tenant (0: any), $6 actor's orgnr (0: any), $7 buckets, $8 persons
SELECT (extract(epoch FROM l.at) * 1000000)::int8, l.id, l.corr, l.tenant_id, l.actor_orgnr, l.op, l.type, l.outcome, l.classes, l.person_id, l.bucket,
	encode(l.body, 'hex'), encode(l.leaf, 'hex'), replace(l.ctx::text, '-', ''), encode(c.body, 'hex')
FROM (SELECT o.* FROM unnest($7::int4[], $8::int8[]) u(bucket, person_id)
	CROSS JOIN LATERAL (SELECT x.* FROM hub.access_log x
		WHERE x.bucket = u.bucket AND x.person_id = u.person_id AND x.at >= 'epoch'::timestamptz + $3::int8 * interval '1 microsecond'
			AND x.at <= 'epoch'::timestamptz + $1::int8 * interval '1 microsecond' AND (x.at, x.id) < ('epoch'::timestamptz + $1::int8 * interval '1 microsecond', $2::int8)
			AND ($5::int4 = 0 OR x.tenant_id = $5::int4) AND ($6::int4 = 0 OR x.actor_orgnr = $6::int4)
		ORDER BY x.at DESC, x.id DESC LIMIT $4::int4) o
	ORDER BY o.at DESC, o.id DESC LIMIT $4::int4) l
LEFT JOIN LATERAL (SELECT y.body FROM hub.log_ctx y WHERE y.ctx = l.ctx LIMIT 1) c ON true
ORDER BY l.at DESC, l.id DESC
