-- fragment: where the walk may begin when only the end of a reading is bounded: a day before, or at the oldest reading of more than a day that ends late enough
AND x.time_low >= LEAST($long_from::timestamptz, (SELECT min(y.time_low) FROM hub.observation y
	WHERE y.bucket = $bucket::int4 AND y.tenant_id = $tenant::int4 AND y.subject_id = $subject::int8 AND y.time_high > $long_after::timestamptz
	AND CASE WHEN isfinite(y.time_low) AND isfinite(y.time_high) THEN y.time_high - y.time_low > interval '25 hours' ELSE y.time_high > y.time_low END))
