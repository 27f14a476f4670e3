-- fragment: begins, around y, the readings of a subject that a message made, each as its Provenance; pack -1 says that body is what found.h reads
SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low
FROM (SELECT y.id, m.version, y.time_low, y.time_high, m.recv, y.class, y.code, y.category, (-1)::int2 AS pack, y.status, NULL::float8 AS val_low, NULL::float8 AS val_high,
	int8send(m.upload_id) || int2send(m.pack) || int4send(octet_length(m.client)) || convert_to(m.client, 'UTF8') || m.body AS body
FROM (
