-- fragment: of a resource: when this version came. A filter on the walk
AND x.recv >= $recv_from::timestamptz AND x.recv < $recv_to::timestamptz
