-- resolve: all tenants.
SELECT t.tenant_id, t.orgnr, t.controller, t.state, t.name FROM hub.tenant t
