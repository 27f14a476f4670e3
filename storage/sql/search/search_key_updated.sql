-- fragment: key of _sort: _lastUpdated
o.recv
