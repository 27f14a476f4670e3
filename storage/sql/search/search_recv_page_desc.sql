-- fragment: what came last first, after the last row of the page before. The index knows the id by sixty-fours: the last of them comes whole, and search_recv_merge_desc puts it in order
AND (x.recv, x.id) < ($page_recv::timestamptz, $page_id::int8) ORDER BY x.recv DESC, x.id >> 6 DESC FETCH FIRST ($limit::int4) ROWS WITH TIES
