-- Searches of a controller over all its patients (ARCHITECTURE.md: no patient named). Each index is led by the tenant. Those of hub.observation are partial by
-- a condition that always holds and that only their own statements say: no statement about one patient can be planned along them, whatever the tables hold.
-- Readings wait while these are built: a minute or so for each ten million.
SET LOCAL ROLE hub_owner;

CREATE INDEX observation_recv ON hub.observation (tenant_id, recv, id) WHERE recv > '-infinity';
CREATE INDEX observation_tenant_code ON hub.observation (tenant_id, code, time_low DESC, id DESC) WHERE code > 0;

-- The same unique key in another order: an identifier or a device is the first half of its readings' keys (seal_reading_group).
ALTER TABLE hub.obs_key DROP CONSTRAINT obs_key_pkey, ADD CONSTRAINT obs_key_pkey PRIMARY KEY (tenant_id, key, bucket);

CREATE POLICY r ON hub.obs_key FOR SELECT TO hub_read USING (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4);
GRANT SELECT ON hub.obs_key TO hub_read;
