-- fragment: the versions of a controller's readings, what was deleted among them, what came last first, before the poll horizon. A version stands and falls with the reading as it is now: its leading code comes too. The index of the readings knows the id by sixty-fours: the last of them comes whole
SELECT o.*, (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = o.code), o.deleted,
	(SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.observation x JOIN hub.code k ON k.code_id = x.code
		WHERE x.bucket = o.bucket AND x.tenant_id = $tenant::int4 AND x.id = o.id)
FROM ((SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low, x.bucket, x.subject_id, x.status = 0 AS deleted FROM hub.observation x
	WHERE x.tenant_id = $tenant::int4 AND x.recv > '-infinity' AND x.recv >= $recv_from::timestamptz AND x.recv < $horizon::timestamptz
		AND (x.recv, x.id, x.version) < ($page_recv::timestamptz, $page_id::int8, $page_version::int4) AND x.type = $type::int2
	ORDER BY x.recv DESC, x.id >> 6 DESC FETCH FIRST ($limit::int4) ROWS WITH TIES)
UNION ALL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low, x.bucket, x.subject_id, x.status = 0 FROM hub.observation_history x
	WHERE x.tenant_id = $tenant::int4 AND x.recv > '-infinity' AND x.recv >= $recv_from::timestamptz AND x.recv < $horizon::timestamptz
		AND (x.recv, x.id, x.version) < ($page_recv::timestamptz, $page_id::int8, $page_version::int4) AND x.type = $type::int2
	ORDER BY x.recv DESC, x.id DESC, x.version DESC LIMIT $limit::int4)) o
ORDER BY o.recv DESC, o.id DESC, o.version DESC LIMIT $limit::int4
