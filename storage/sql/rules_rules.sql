-- resolve: the rules that have not ended by the database's clock: a revoked one is gone, whatever the hub's clock says.
SELECT r.rule_id, r.tenant_id, r.reader, r.class, r.purpose, r.canon, r.valid_from, r.valid_to FROM hub.rule r WHERE r.valid_to > now()
