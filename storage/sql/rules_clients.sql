-- resolve: all clients.
SELECT c.client_id, c.orgnr, c.scopes, c.state, c.zone, c.name, c.sentinels FROM hub.client c
