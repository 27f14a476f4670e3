-- fragment: of a resource: its status is one of those asked for, as a set; 0, deleted, never is
AND (1 << x.status) & $statuses::int4 <> 0
