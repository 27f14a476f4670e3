-- admin: what the Patient ids of some persons are made of: the mac of the number that each was first known by. $1 buckets, $2 persons; a row for each, in their order
SELECT replace(coalesce(a.mac::text, ''), '-', '') FROM unnest($1::int4[], $2::int8[]) WITH ORDINALITY u(bucket, person_id, i)
LEFT JOIN LATERAL (SELECT x.mac FROM hub.alias x WHERE x.bucket = u.bucket AND x.home = u.bucket AND x.person_id = u.person_id ORDER BY x.mac LIMIT 1) a ON true
ORDER BY u.i
