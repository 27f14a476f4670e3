-- admin: moves the version of the rules; in the transaction of every change of tenant, client, rule or block.
UPDATE hub.rules_version SET version = version + 1
