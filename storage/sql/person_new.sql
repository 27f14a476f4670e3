-- resolve: persons of national ids nobody has used before; who loses a race adds nothing. $1 buckets, $2 macs, $3 encrypted national ids; ordered by (bucket, mac). IS TRUE keeps it a look-up in a hash: as a join each of thousands would be compared with each
WITH n AS MATERIALIZED (SELECT u.bucket, u.mac, u.id_enc, nextval('hub.person_id') AS person_id
		FROM unnest($1::int4[], $2::uuid[], $3::bytea[]) u(bucket, mac, id_enc)),
	a AS (INSERT INTO hub.alias (mac, person_id, bucket, home)
		SELECT n.mac, n.person_id, n.bucket, n.bucket FROM n ORDER BY n.bucket, n.mac ON CONFLICT DO NOTHING RETURNING person_id)
INSERT INTO hub.person (person_id, bucket, id_enc)
SELECT n.person_id, n.bucket, n.id_enc FROM n WHERE (n.person_id IN (SELECT a.person_id FROM a)) IS TRUE
