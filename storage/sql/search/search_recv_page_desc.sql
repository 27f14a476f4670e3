-- fragment: what came last first, after the last row of the page before
AND (x.recv, x.id) < ($page_recv::timestamptz, $page_id::int8) ORDER BY x.recv DESC, x.id DESC LIMIT $limit::int4
