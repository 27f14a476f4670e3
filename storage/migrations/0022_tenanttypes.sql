-- What a controller holds that is no reading (Devices, and Provenances that were sent), as it came, over all its patients; by sixty-fours of ids as 0028 has it. Partial by what only the statement for it
-- says, and no reading is in it, so that writing those costs nothing.
SET LOCAL ROLE hub_owner;

CREATE INDEX observation_type ON hub.observation (tenant_id, type, recv, (id >> 6)) WHERE type <> 1;
