-- The locator is read beside the readings, controller by controller: what was deleted is not told of. Bound as the readings are. What hub_resolve may see of it
-- stays: a hub of before, which still runs, locates by it.
SET LOCAL ROLE hub_owner;

CREATE POLICY r ON hub.locator FOR SELECT TO hub_read USING (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4
	AND (class = 1 OR (1 << class) & nullif(current_setting('hub.classes', true), '')::int4 <> 0));
GRANT SELECT ON hub.locator TO hub_read;

-- A transaction that deletes a reading and stores another one with its identity: the identity goes over to the new one, and the deleted one keeps a key of its content
-- instead (storage/write_replace.c). Keys are renamed, never deleted.
GRANT UPDATE (key) ON hub.obs_key TO hub_write;
