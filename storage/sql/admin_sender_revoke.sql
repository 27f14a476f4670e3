-- admin: ends a sender; no row: there is none that stands. $1 sender id
UPDATE hub.sender SET revoked = now() WHERE sender_id = $1::int4 AND revoked = 'infinity' RETURNING sender_id
