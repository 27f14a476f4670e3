-- fragment: of a reading: every other occurrence of date has a value that holds (FHIR R4 search, date); prefix numbers are enum search_prefix
AND x.time_high > '-infinity'
AND NOT EXISTS (SELECT FROM unnest($date_occurrences::int4[], $date_prefixes::int2[], $date_lows::timestamptz[], $date_highs::timestamptz[]) d(occurrence, prefix, low, high)
	GROUP BY d.occurrence HAVING NOT bool_or(CASE d.prefix
		WHEN 0 THEN x.time_low >= d.low AND x.time_high <= d.high
		WHEN 1 THEN x.time_low < d.low OR x.time_high > d.high
		WHEN 2 THEN x.time_high > d.high
		WHEN 3 THEN x.time_low < d.low
		WHEN 4 THEN x.time_low >= d.low OR x.time_high > d.high
		WHEN 5 THEN x.time_low < d.low OR x.time_high <= d.high
		WHEN 6 THEN x.time_low >= d.high
		WHEN 7 THEN x.time_high <= d.low
		WHEN 8 THEN x.time_low < d.high AND x.time_high > d.low
		ELSE false END))
