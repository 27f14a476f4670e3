-- The roles: an owner that nobody can log in as, and six logins that own nothing and can each do one thing
-- (ARCHITECTURE.md: table connection x role x grants). Roles belong to the cluster, so another database may have made them.

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['hub_owner', 'hub_resolve', 'hub_read', 'hub_write', 'hub_audit', 'hub_seq', 'hub_admin'] LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
			BEGIN
				EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT',
					name, CASE WHEN name = 'hub_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END);
			EXCEPTION WHEN duplicate_object OR unique_violation THEN
				NULL;
			END;
		END IF;
	END LOOP;
END
$$;

-- Every statement that serves a request is an index walk with parameters: generic plans save the planning, and the switches keep a plan
-- that was made on an empty table from scanning it when it is full. lock_timeout stands above deadlock_timeout, or a deadlock would be
-- reported as 55P03 and not be tried again.
DO $$
DECLARE
	login text;
	setting text;
BEGIN
	FOREACH login IN ARRAY ARRAY['hub_resolve', 'hub_read', 'hub_write', 'hub_audit'] LOOP
		FOREACH setting IN ARRAY ARRAY['plan_cache_mode = force_generic_plan', 'enable_seqscan = off', 'enable_hashjoin = off',
			'enable_mergejoin = off', 'enable_bitmapscan = off', 'jit = off', 'statement_timeout = ''5s''', 'lock_timeout = ''2s''',
			'idle_in_transaction_session_timeout = ''10s''', 'search_path = pg_catalog'] LOOP
			EXECUTE format('ALTER ROLE %I IN DATABASE %I SET %s', login, current_database(), setting);
		END LOOP;
	END LOOP;
	FOREACH login IN ARRAY ARRAY['hub_seq', 'hub_admin'] LOOP
		FOREACH setting IN ARRAY ARRAY['search_path = pg_catalog', 'lock_timeout = ''5s''', 'idle_in_transaction_session_timeout = ''60s'''] LOOP
			EXECUTE format('ALTER ROLE %I IN DATABASE %I SET %s', login, current_database(), setting);
		END LOOP;
	END LOOP;
END
$$;

ALTER SCHEMA hub OWNER TO hub_owner;
ALTER TABLE hub.migration OWNER TO hub_owner;

-- Nobody makes tables, temporary ones neither: a table of one's own would be a way round the policies.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
	EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

GRANT USAGE ON SCHEMA hub TO hub_resolve, hub_read, hub_write, hub_audit, hub_seq, hub_admin;
GRANT SELECT ON hub.migration TO hub_resolve, hub_read, hub_write, hub_audit, hub_seq, hub_admin;
