-- write: identities of a reading that this transaction deletes become free for the one it stores in its place: each is renamed to a key of the deleted content ($5), by which a re-send of it is known, or where there is one of that name to a key nobody asks for ($6). $1 bucket, $2 tenant, $3 id, arrays: $4 key, $5 guard, $6 spare
UPDATE hub.obs_key k SET key = CASE WHEN EXISTS (SELECT FROM hub.obs_key x WHERE x.bucket = $1::int4 AND x.tenant_id = $2::int4 AND x.key = u.guard) THEN u.spare ELSE u.guard END
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[]) u(key, guard, spare)
WHERE k.bucket = $1 AND k.tenant_id = $2 AND k.key = u.key AND k.id = $3::int8
