-- resolve: what kinds of data controllers hold of persons, and the newest month of each. $1 homes, $2 persons, $3 tenants, $4 classes that are open
SELECT u.i, coalesce(k.concept, ''), l.month
FROM unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[]) WITH ORDINALITY u(home, person_id, tenant_id, classes, i)
CROSS JOIN LATERAL (SELECT x.category, max(x.month) AS month FROM hub.locator x
	WHERE x.bucket = u.home AND x.person_id = u.person_id AND x.tenant_id = u.tenant_id AND (1 << x.class) & u.classes <> 0 GROUP BY x.category) l
LEFT JOIN LATERAL (SELECT y.concept FROM hub.code y WHERE y.code_id = l.category LIMIT 1) k ON true
