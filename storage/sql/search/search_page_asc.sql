-- fragment: oldest first, after the last row of the page before
AND (x.time_low, x.id) > ($after_time::timestamptz, $after_id::int8) ORDER BY x.time_low, x.id LIMIT $limit::int4
