-- fragment: ends what search_messages begins: the newest version that a message made, of the class and code that the reading has now (who may see the one may see the other)
) y CROSS JOIN LATERAL (SELECT v.version, v.recv, v.pack, v.body, u.upload_id, u.client
	FROM (SELECT y.version, y.recv, y.pack, y.body, y.upload_id
		UNION ALL SELECT h.version, h.recv, h.pack, h.body, h.upload_id FROM hub.observation_history h
		WHERE y.version > 1 AND h.bucket = $bucket::int4 AND h.tenant_id = $tenant::int4 AND h.id = y.id AND h.class = y.class AND h.code = y.code) v
	CROSS JOIN LATERAL (SELECT t.upload_id, t.client FROM hub.upload t WHERE t.bucket = $bucket::int4 AND t.tenant_id = $tenant::int4 AND t.upload_id = v.upload_id OFFSET 0) u
	ORDER BY v.version DESC LIMIT 1) m) x
WHERE true
