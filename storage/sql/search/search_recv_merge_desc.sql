-- fragment: ends what search_tenant_key begins
) o ORDER BY o.recv DESC, o.id DESC LIMIT $limit::int4
