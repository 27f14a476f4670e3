-- admin: what a client may do and how its HL7 messages are read; what is null stays as it is, an empty zone is none. $1 client id, $2 zone or null, $3 sentinels or null, $4 scopes or null
UPDATE hub.client c SET zone = CASE WHEN $2::text IS NULL THEN c.zone ELSE nullif($2, '') END, sentinels = coalesce($3::text, c.sentinels),
	scopes = coalesce($4::int4, c.scopes)
WHERE c.client_id = $1::text RETURNING c.orgnr
