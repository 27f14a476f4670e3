-- fragment: ends what search_by_code and search_by_id begin
) o ORDER BY o.time_low, o.id LIMIT $limit::int4
