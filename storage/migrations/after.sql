-- Run at every `maalehub migrate`, after the numbered files: partitions of the access log from last month to three months ahead. A new one is made
-- beside the log and attached, which does not wait for readers or writers. Months begin at midnight UTC (the runner sets the zone).
DO $$
DECLARE
	month date;
	name text;
BEGIN
	FOR step IN -1..3 LOOP
		month := (date_trunc('month', now()) + step * interval '1 month')::date;
		name := 'access_log_' || to_char(month, 'YYYY_MM');
		IF to_regclass('hub.' || name) IS NULL THEN
			SET LOCAL ROLE hub_owner;
			EXECUTE format('CREATE TABLE hub.%I (LIKE hub.access_log INCLUDING DEFAULTS) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000)', name);
			EXECUTE format('ALTER TABLE hub.access_log ATTACH PARTITION hub.%I FOR VALUES FROM (%L) TO (%L)', name, month, (month + interval '1 month')::date);
			RESET ROLE;
		END IF;
	END LOOP;
END
$$;
