-- write: fails with division_by_zero unless the rules are those the group's writes were decided by. $1 version
SELECT 1 / (coalesce((SELECT v.version FROM hub.rules_version v), 0) = $1::int8)::int4
