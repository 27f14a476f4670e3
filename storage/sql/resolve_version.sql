-- resolve: the version of the rules; read by every RESOLVE, and first when the rules are loaded.
SELECT v.version FROM hub.rules_version v
