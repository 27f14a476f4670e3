-- fragment: code of the last row of the page before
$after_code::text COLLATE "C"
