-- admin: waits until nobody else migrates; the number is ours alone.
SELECT pg_catalog.pg_advisory_lock(7120265113)
