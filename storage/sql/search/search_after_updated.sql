-- fragment: _lastUpdated of the last row of the page before
$after_updated::timestamptz
