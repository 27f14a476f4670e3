-- admin: registers a certificate or an organisation's certificates for a client; no row: no such client, or another sender has it. $1 client id, $2 orgnr or null, $3 thumbprint as 64 hexadecimal digits or null
INSERT INTO hub.sender (client_id, orgnr, thumbprint)
SELECT c.client_id, $2::int4, decode($3::text, 'hex') FROM hub.client c WHERE c.client_id = $1::text
ON CONFLICT DO NOTHING
RETURNING sender_id
