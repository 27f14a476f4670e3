-- admin: lets the next one migrate.
SELECT pg_catalog.pg_advisory_unlock(7120265113)
