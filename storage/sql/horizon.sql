-- write: what is received from now on, or is on its way to COMMIT in any hub of this database, is not older than this. A write's time of receipt is that of a statement after its BEGIN, when its xact_start can be seen; this one's time is taken before it looks. A role sees the transactions of its own alone, and this role alone writes readings
SELECT date_trunc('milliseconds', least(statement_timestamp(), min(a.xact_start))) FROM pg_catalog.pg_stat_activity a
WHERE a.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) AND a.pid <> pg_backend_pid()
