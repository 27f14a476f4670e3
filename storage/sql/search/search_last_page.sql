-- fragment: the newest of a code, after the last row of the page before; of words alone (code 0) so many that those of each text are among them, which is seen row by row (storage/lastn.c)
AND (x.time_low, x.id) < ($after_time::timestamptz, $after_id::int8) ORDER BY x.time_low DESC, x.id DESC LIMIT CASE c.code_id WHEN 0 THEN 250 ELSE $limit::int4 END
