-- fragment: date of the last row of the page before
$after_time::timestamptz
