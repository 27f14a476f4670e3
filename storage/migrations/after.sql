-- Run at every `maalehub migrate`, after the numbered files: partitions of the access log from last month to three months ahead; then what a restored database lacks. A new one is made
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

-- What belongs to the database and not to what stands in it: a restore into a new one (pg_restore) does not bring it. As 0001 and 0008 set it.
DO $$
DECLARE
	login text;
	setting text;
BEGIN
	EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
	FOREACH login IN ARRAY ARRAY['hub_resolve', 'hub_read', 'hub_write', 'hub_audit'] LOOP
		FOREACH setting IN ARRAY ARRAY['plan_cache_mode = force_generic_plan', 'enable_seqscan = off', 'enable_hashjoin = off',
			'enable_mergejoin = off', 'enable_bitmapscan = off', 'jit = off', 'statement_timeout = ''5s''', 'lock_timeout = ''2s''',
			'idle_in_transaction_session_timeout = ''10s''', 'search_path = pg_catalog'] LOOP
			EXECUTE format('ALTER ROLE %I IN DATABASE %I SET %s', login, current_database(), setting);
		END LOOP;
	END LOOP;
	FOREACH login IN ARRAY ARRAY['hub_seq', 'hub_admin', 'hub_quarantine'] LOOP
		FOREACH setting IN ARRAY ARRAY['search_path = pg_catalog', 'lock_timeout = ''5s''', 'idle_in_transaction_session_timeout = ''60s'''] LOOP
			EXECUTE format('ALTER ROLE %I IN DATABASE %I SET %s', login, current_database(), setting);
		END LOOP;
	END LOOP;
END
$$;
