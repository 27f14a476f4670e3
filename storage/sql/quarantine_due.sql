-- resolve: the message kept aside that is to be released next; nothing of what it says.
SELECT q.bucket, q.tenant_id, q.digest FROM hub.quarantine q WHERE q.state = 2 AND q.due <= now() AND q.tries < 3 ORDER BY q.due LIMIT 1
