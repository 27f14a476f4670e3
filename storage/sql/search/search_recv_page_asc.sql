-- fragment: as it came, after the last row of the page before
AND (x.recv, x.id) > ($page_recv::timestamptz, $page_id::int8) ORDER BY x.recv, x.id LIMIT $limit::int4
