-- Isolation: forced row-level security on every table with a tenant_id, one transaction-local integer. No setting gives NULL (or '' after a
-- COMMIT), and NULL opens no row.
SET LOCAL ROLE hub_owner;

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['rule', 'subject', 'block', 'observation', 'observation_history', 'obs_key', 'term', 'obs_source', 'upload',
		'locator', 'access_log'] LOOP
		EXECUTE format('ALTER TABLE hub.%I ENABLE ROW LEVEL SECURITY', name);
		EXECUTE format('ALTER TABLE hub.%I FORCE ROW LEVEL SECURITY', name);
	END LOOP;
	FOREACH name IN ARRAY ARRAY['observation', 'observation_history', 'obs_key', 'term', 'obs_source', 'upload', 'locator'] LOOP
		EXECUTE format('CREATE POLICY w ON hub.%I TO hub_write USING (tenant_id = nullif(current_setting(''hub.tenant'', true), '''')::int4)', name);
	END LOOP;
	FOREACH name IN ARRAY ARRAY['term', 'obs_source', 'upload'] LOOP
		EXECUTE format('CREATE POLICY r ON hub.%I FOR SELECT TO hub_read USING (tenant_id = nullif(current_setting(''hub.tenant'', true), '''')::int4)', name);
	END LOOP;
	-- Health is open to who reads a controller's rows; another class (welfare, administrative) only where the transaction says so as well, by a mask.
	FOREACH name IN ARRAY ARRAY['observation', 'observation_history'] LOOP
		EXECUTE format('CREATE POLICY r ON hub.%I FOR SELECT TO hub_read USING (tenant_id = nullif(current_setting(''hub.tenant'', true), '''')::int4'
			' AND (class = 1 OR (1 << class) & nullif(current_setting(''hub.classes'', true), '''')::int4 <> 0))', name);
	END LOOP;
END
$$;
CREATE POLICY w ON hub.access_log FOR INSERT TO hub_write WITH CHECK (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4);
-- the controller's log, the actor's organisation's, or the citizen's: whichever the transaction is bound to
CREATE POLICY a ON hub.access_log FOR SELECT TO hub_audit USING (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4
	OR actor_orgnr = nullif(current_setting('hub.actor', true), '')::int4 OR person_id = nullif(current_setting('hub.person', true), '')::int8);
CREATE POLICY s ON hub.access_log FOR SELECT TO hub_seq USING (true);
CREATE POLICY s ON hub.locator FOR SELECT TO hub_seq USING (true);
-- These cross controllers by their nature: who is meant, what is blocked, what is shared, who holds data.
CREATE POLICY x ON hub.subject TO hub_resolve USING (true);
CREATE POLICY x ON hub.block FOR SELECT TO hub_resolve USING (true);
CREATE POLICY x ON hub.rule FOR SELECT TO hub_resolve USING (true);
CREATE POLICY x ON hub.locator FOR SELECT TO hub_resolve USING (true);
CREATE POLICY a ON hub.rule TO hub_admin USING (true);
CREATE POLICY a ON hub.block TO hub_admin USING (true);

-- resolve: who is meant, what is shared, who holds data
GRANT SELECT ON hub.tenant, hub.client, hub.rule, hub.rules_version, hub.block, hub.locator, hub.code TO hub_resolve;
GRANT SELECT (person_id, bucket), INSERT ON hub.person TO hub_resolve;
GRANT SELECT, INSERT ON hub.alias, hub.subject TO hub_resolve;
GRANT SELECT ON hub.person_link TO hub_resolve;
GRANT USAGE ON SEQUENCE hub.person_id, hub.subject_id TO hub_resolve;
-- read: clinical rows, of one controller at a time
GRANT SELECT ON hub.observation, hub.observation_history, hub.term, hub.obs_source, hub.upload, hub.code, hub.coding TO hub_read;
-- write: clinical rows, keys, locator; the log by insert alone
GRANT SELECT, INSERT ON hub.observation, hub.observation_history, hub.obs_key, hub.term, hub.obs_source, hub.upload, hub.locator TO hub_write;
GRANT UPDATE (time_low, time_high, val_low, val_high, recv, upload_id, code, category, unit, version, class, status, pack, digest, body)
	ON hub.observation TO hub_write;
GRANT DELETE ON hub.term TO hub_write;
GRANT SELECT ON hub.code, hub.coding TO hub_write;
GRANT INSERT (canon, class, concept) ON hub.code TO hub_write;
GRANT INSERT ON hub.coding TO hub_write;
GRANT INSERT ON hub.access_log TO hub_write;
GRANT SELECT, INSERT, UPDATE (last_month) ON hub.log_ctx TO hub_write;
GRANT USAGE ON SEQUENCE hub.id_lease TO hub_write;
-- a number: whether what a write was decided by still holds
GRANT SELECT ON hub.rules_version TO hub_write;
-- audit: the log as it is read; seq: the log's tree and chain
GRANT SELECT ON hub.access_log, hub.log_ctx, hub.tenant TO hub_audit;
GRANT SELECT ON hub.access_log, hub.log_ctx, hub.locator TO hub_seq;
-- admin: tenants, clients, rules, blocks; joins persons, without reading a national id
GRANT SELECT, INSERT, UPDATE ON hub.tenant, hub.client, hub.rule, hub.block TO hub_admin;
GRANT SELECT ON hub.code, hub.coding TO hub_admin;
GRANT INSERT (canon, class, concept) ON hub.code TO hub_admin;
GRANT UPDATE (canon, class) ON hub.code TO hub_admin;
GRANT INSERT ON hub.coding TO hub_admin;
GRANT SELECT, UPDATE ON hub.rules_version TO hub_admin;
GRANT SELECT (person_id, bucket), INSERT ON hub.person TO hub_admin;
GRANT SELECT, INSERT ON hub.alias, hub.person_link TO hub_admin;
GRANT USAGE ON SEQUENCE hub.person_id, hub.block_id TO hub_admin;
