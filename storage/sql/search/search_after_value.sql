-- fragment: value of the last row of the page before
$after_value::float8
