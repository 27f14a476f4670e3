-- admin: the isolation assertion; any row returned is a fault, and the hub refuses to serve. Reads catalogues alone, so any role can ask.
WITH login AS (SELECT r.oid, r.rolname, r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication AS mighty
		FROM pg_catalog.pg_roles r WHERE r.rolcanlogin AND r.rolname LIKE 'hub\_%'),
	rel AS (SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl,
			EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant,
			EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'bucket' AND NOT a.attisdropped) AS has_bucket
		FROM pg_catalog.pg_class c WHERE c.relnamespace = 'hub'::regnamespace),
	tab AS (SELECT * FROM rel WHERE rel.relkind IN ('r', 'p') AND NOT rel.relispartition),
	pol AS (SELECT p.polname, p.polrelid, p.polroles, o.rolname AS role,
			coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') AS qual, coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') AS qual_new
		FROM pg_catalog.pg_policy p JOIN tab ON tab.oid = p.polrelid CROSS JOIN LATERAL unnest(p.polroles) r(oid) LEFT JOIN pg_catalog.pg_roles o ON o.oid = r.oid)
SELECT 'role is missing: ' || r.name AS fault FROM unnest('{hub_owner,hub_resolve,hub_read,hub_write,hub_audit,hub_seq,hub_admin,hub_quarantine}'::text[]) r(name)
	WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles p WHERE p.rolname = r.name)
UNION ALL SELECT 'login role with might over others: ' || login.rolname FROM login WHERE login.mighty
UNION ALL SELECT 'login role is a member of ' || g.rolname || ': ' || login.rolname FROM login
	JOIN pg_catalog.pg_auth_members m ON m.member = login.oid JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
UNION ALL SELECT 'the owner can log in' FROM pg_catalog.pg_roles r WHERE r.rolname = 'hub_owner' AND (r.rolcanlogin OR r.rolsuper OR r.rolbypassrls)
UNION ALL SELECT 'login role owns ' || rel.oid::regclass FROM rel JOIN login ON login.oid = rel.relowner
UNION ALL SELECT 'login role may create in a schema: ' || login.rolname FROM login WHERE has_schema_privilege(login.oid, 'hub', 'CREATE') OR has_schema_privilege(login.oid, 'public', 'CREATE')
UNION ALL SELECT 'login role may make temporary tables: ' || login.rolname FROM login WHERE has_database_privilege(login.oid, current_database(), 'TEMPORARY')
UNION ALL SELECT 'table without forced row-level security: ' || tab.oid::regclass FROM tab
	WHERE tab.has_tenant AND tab.relname <> 'tenant' AND NOT (tab.relrowsecurity AND tab.relforcerowsecurity)
UNION ALL SELECT 'grant to PUBLIC: ' || rel.oid::regclass FROM rel WHERE EXISTS (SELECT FROM aclexplode(rel.relacl) a WHERE a.grantee = 0)
UNION ALL SELECT 'partition open to ' || login.rolname || ': ' || rel.oid::regclass FROM rel, login WHERE rel.relispartition AND rel.relkind = 'r'
	AND (has_any_column_privilege(login.oid, rel.oid, 'SELECT,INSERT,UPDATE') OR has_table_privilege(login.oid, rel.oid, 'DELETE,TRUNCATE'))
UNION ALL SELECT 'SECURITY DEFINER function: ' || p.oid::regprocedure FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'hub'::regnamespace AND p.prosecdef
UNION ALL SELECT 'trigger: ' || t.tgname || ' on ' || t.tgrelid::regclass FROM pg_catalog.pg_trigger t JOIN rel ON rel.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL SELECT 'rule on a table: ' || w.rulename || ' on ' || rel.oid::regclass FROM pg_catalog.pg_rewrite w JOIN rel ON rel.oid = w.ev_class WHERE rel.relkind IN ('r', 'p')
UNION ALL SELECT 'view without security_invoker: ' || rel.oid::regclass FROM rel
	WHERE rel.relkind = 'm' OR rel.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (rel.reloptions), false)
UNION ALL SELECT DISTINCT 'policy for PUBLIC: ' || pol.polname || ' on ' || pol.polrelid::regclass FROM pol WHERE pol.role IS NULL
UNION ALL SELECT 'policy of ' || pol.role || ' does not bind the tenant: ' || pol.polname || ' on ' || pol.polrelid::regclass FROM pol
	WHERE pol.role IN ('hub_read', 'hub_write', 'hub_quarantine') AND EXISTS (SELECT FROM unnest(ARRAY[pol.qual, pol.qual_new]) e(text)
		WHERE e.text NOT IN ('', '(tenant_id = (NULLIF(current_setting(''hub.tenant''::text, true), ''''::text))::integer)')
			AND NOT (pol.role = 'hub_read' AND e.text = '((tenant_id = (NULLIF(current_setting(''hub.tenant''::text, true), ''''::text))::integer) AND ((class = 1) OR '
				|| '(((1 << (class)::integer) & (NULLIF(current_setting(''hub.classes''::text, true), ''''::text))::integer) <> 0)))'))
UNION ALL SELECT 'policy of hub_read does not test the class: ' || pol.polname || ' on ' || pol.polrelid::regclass FROM pol JOIN tab ON tab.oid = pol.polrelid
	WHERE pol.role = 'hub_read' AND tab.relname IN ('observation', 'observation_history', 'locator') AND pol.qual NOT LIKE '%hub.classes%'
UNION ALL SELECT 'policy of hub_audit does not bind tenant, actor or person: ' || pol.polname || ' on ' || pol.polrelid::regclass FROM pol
	WHERE pol.role = 'hub_audit' AND pol.qual || pol.qual_new <> '((tenant_id = (NULLIF(current_setting(''hub.tenant''::text, true), ''''::text))::integer)'
		|| ' OR (actor_orgnr = (NULLIF(current_setting(''hub.actor''::text, true), ''''::text))::integer)'
		|| ' OR (person_id = (NULLIF(current_setting(''hub.person''::text, true), ''''::text))::bigint))'
UNION ALL SELECT 'policy across controllers: ' || pol.polname || ' of ' || pol.role || ' on ' || tab.oid::regclass FROM pol JOIN tab ON tab.oid = pol.polrelid
	WHERE pol.role NOT IN ('hub_read', 'hub_write', 'hub_audit', 'hub_quarantine') AND NOT (pol.role = 'hub_resolve' AND tab.relname = 'quarantine' AND pol.qual = '(state = 2)') AND pol.role || ' ' || tab.relname NOT IN ('hub_resolve subject', 'hub_resolve block',
		'hub_resolve rule', 'hub_resolve locator', 'hub_admin rule', 'hub_admin block', 'hub_seq access_log', 'hub_seq locator')
UNION ALL SELECT 'clinical table open to ' || login.rolname || ': ' || tab.oid::regclass FROM tab, login
	WHERE tab.relname IN ('observation', 'observation_history', 'obs_key', 'term', 'obs_source', 'upload') AND login.rolname NOT IN ('hub_read', 'hub_write')
		AND (has_any_column_privilege(login.oid, tab.oid, 'SELECT,INSERT,UPDATE') OR has_table_privilege(login.oid, tab.oid, 'DELETE,TRUNCATE'))
UNION ALL SELECT 'messages kept aside open to ' || login.rolname || ': ' || tab.oid::regclass FROM tab, login
	WHERE tab.relname IN ('quarantine', 'quarantine_event') AND login.rolname NOT IN ('hub_write', 'hub_quarantine')
		AND (has_any_column_privilege(login.oid, tab.oid, 'INSERT,UPDATE') OR has_table_privilege(login.oid, tab.oid, 'SELECT,DELETE,TRUNCATE')
			OR EXISTS (SELECT FROM unnest('{client,reason,body,who,why}'::name[]) c(name) JOIN pg_catalog.pg_attribute a ON a.attrelid = tab.oid AND a.attname = c.name
				WHERE has_column_privilege(login.oid, tab.oid, a.attnum, 'SELECT')))
UNION ALL SELECT 'who looked at what was kept aside can be changed by ' || login.rolname FROM tab, login
	WHERE tab.relname = 'quarantine_event' AND (has_any_column_privilege(login.oid, tab.oid, 'UPDATE') OR has_table_privilege(login.oid, tab.oid, 'DELETE,TRUNCATE'))
UNION ALL SELECT 'login for what was kept aside sees more: ' || tab.oid::regclass FROM tab, login WHERE login.rolname = 'hub_quarantine'
	AND tab.relname NOT IN ('quarantine', 'quarantine_event', 'tenant', 'migration') AND has_any_column_privilege(login.oid, tab.oid, 'SELECT,INSERT,UPDATE')
UNION ALL SELECT 'clinical table can be changed by hub_read: ' || tab.oid::regclass FROM tab, login WHERE login.rolname = 'hub_read'
	AND (has_any_column_privilege(login.oid, tab.oid, 'INSERT,UPDATE') OR has_table_privilege(login.oid, tab.oid, 'DELETE,TRUNCATE'))
UNION ALL SELECT 'readings can be deleted by ' || login.rolname || ': ' || tab.oid::regclass FROM tab, login
	WHERE tab.relname IN ('observation', 'observation_history', 'obs_key', 'obs_source', 'upload', 'quarantine', 'locator', 'person', 'alias', 'subject')
		AND has_table_privilege(login.oid, tab.oid, 'DELETE,TRUNCATE') AND NOT (tab.relname = 'quarantine' AND login.rolname = 'hub_quarantine')
UNION ALL SELECT 'identity table open to ' || login.rolname || ': ' || tab.oid::regclass FROM tab, login
	WHERE tab.relname IN ('person', 'alias', 'person_link', 'subject') AND login.rolname NOT IN ('hub_resolve', 'hub_admin')
		AND has_any_column_privilege(login.oid, tab.oid, 'SELECT,INSERT,UPDATE')
UNION ALL SELECT 'encrypted national ids readable by ' || login.rolname FROM login, tab WHERE tab.relname = 'person' AND has_column_privilege(login.oid, tab.oid, 'id_enc', 'SELECT')
UNION ALL SELECT 'access log not insert-only for ' || login.rolname FROM login, tab WHERE tab.relname = 'access_log'
	AND (has_any_column_privilege(login.oid, tab.oid, 'UPDATE') OR has_table_privilege(login.oid, tab.oid, 'DELETE,TRUNCATE')
		OR login.rolname <> 'hub_write' AND has_any_column_privilege(login.oid, tab.oid, 'INSERT')
		OR login.rolname NOT IN ('hub_audit', 'hub_seq') AND has_any_column_privilege(login.oid, tab.oid, 'SELECT'))
UNION ALL SELECT 'unique index without tenant_id (tells that a row exists): ' || i.indexrelid::regclass FROM pg_catalog.pg_index i JOIN tab ON tab.oid = i.indrelid
	WHERE i.indisunique AND tab.has_tenant AND tab.relname NOT IN ('tenant', 'rule')
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = tab.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (i.indkey))
UNION ALL SELECT 'table without bucket: ' || tab.oid::regclass FROM tab
	WHERE NOT tab.has_bucket AND tab.relname NOT IN ('migration', 'tenant', 'client', 'sender', 'code', 'coding', 'rule', 'rules_version', 'log_ctx')
UNION ALL SELECT 'unique index without bucket: ' || i.indexrelid::regclass FROM pg_catalog.pg_index i JOIN tab ON tab.oid = i.indrelid WHERE i.indisunique AND tab.has_bucket
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = tab.oid AND a.attname = 'bucket' AND a.attnum = ANY (i.indkey))
UNION ALL SELECT 'duplicate key constraint is missing: hub.obs_key' WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN tab ON tab.oid = i.indrelid
	WHERE tab.relname = 'obs_key' AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 3 AND i.indpred IS NULL
		AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = tab.oid AND a.attname = 'key' AND a.attnum = ANY (i.indkey)))
UNION ALL SELECT 'no partition of the access log for ' || to_char(m.at, 'YYYY-MM') FROM (VALUES (now()), (now() + interval '1 month')) m(at)
	WHERE NOT EXISTS (SELECT FROM rel WHERE rel.relispartition AND rel.relname = 'access_log_' || to_char(m.at, 'YYYY_MM'))
UNION ALL SELECT 'track_activities is off: who polls would miss what commits late' WHERE current_setting('track_activities') <> 'on'
