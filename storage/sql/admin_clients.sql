-- admin: all clients.
SELECT c.client_id, c.orgnr, c.scopes, coalesce(c.zone, ''), c.name, c.sentinels FROM hub.client c ORDER BY c.client_id
