-- fragment: key of _sort: value-quantity, in the canonical unit; what has none comes last
COALESCE(o.val_low, $value_none::float8)
