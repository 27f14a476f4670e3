-- fragment: ends an order by keys
o.id LIMIT $limit::int4
