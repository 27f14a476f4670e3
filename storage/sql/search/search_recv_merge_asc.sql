-- fragment: ends what search_tenant_key begins
) o ORDER BY o.recv, o.id LIMIT $limit::int4
