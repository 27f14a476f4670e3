-- admin: all tenants.
SELECT t.tenant_id, t.orgnr, t.name, t.controller::int4, t.state FROM hub.tenant t ORDER BY t.tenant_id
