-- fragment: ends what search_tenant_recv, search_tenant_type and search_tenant_key begin
) o ORDER BY o.recv DESC, o.id DESC LIMIT $limit::int4
