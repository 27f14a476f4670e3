-- fragment: ends what search_by_code and search_by_id begin
) o ORDER BY o.time_low DESC, o.id DESC LIMIT $limit::int4
