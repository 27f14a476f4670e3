-- The history of a controller's readings, as it came (`GET Observation/_history`). Partial as those of 0005 are, and for the same reason.
SET LOCAL ROLE hub_owner;

CREATE INDEX observation_history_recv ON hub.observation_history (tenant_id, recv, id, version) WHERE recv > '-infinity';
