-- fragment: ends the place of the last row of the page before
o.id < $after_id::int8
