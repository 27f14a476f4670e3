-- fragment: of a reading: its class is open for all codes. A filter, for it selects nearly all rows
AND (1 << x.class) & $classes::int4 <> 0
