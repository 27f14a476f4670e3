-- fragment: as it came, after the last row of the page before. The index knows the id by sixty-fours: the last of them comes whole, and search_recv_merge_asc puts it in order
AND (x.recv, x.id) > ($page_recv::timestamptz, $page_id::int8) ORDER BY x.recv, x.id >> 6 FETCH FIRST ($limit::int4) ROWS WITH TIES
