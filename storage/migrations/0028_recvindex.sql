-- What came, of all a controller's patients (0005), by sixty-fours of ids instead of by id: the readings of one write have one time of receipt and follow each other in their ids, so one
-- entry of the index stands for many of them. A statement takes all of the last sixty-four and puts them in order itself; without the sixty-fours it would have to take a whole Bundle.
-- Readings wait while it is built: a minute or so for each ten million.
SET LOCAL ROLE hub_owner;

DROP INDEX hub.observation_recv;
CREATE INDEX observation_recv ON hub.observation (tenant_id, recv, (id >> 6)) WHERE recv > '-infinity';
