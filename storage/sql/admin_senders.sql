-- admin: all senders, revoked ones too.
SELECT s.sender_id, s.client_id, coalesce(s.orgnr, 0), coalesce(encode(s.thumbprint, 'hex'), ''), (s.revoked < 'infinity')::int4 FROM hub.sender s ORDER BY s.sender_id
