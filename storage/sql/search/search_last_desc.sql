-- fragment: ends an order by keys
o.id DESC LIMIT $limit::int4
