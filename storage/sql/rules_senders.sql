-- resolve: senders that stand, by certificate or by organisation.
SELECT s.client_id, coalesce(s.orgnr, 0), coalesce(s.thumbprint, ''::bytea) FROM hub.sender s WHERE s.revoked = 'infinity'
