-- admin: moves the version of the rules; in the transaction of every change of tenant, client, rule or block, or that joins persons.
UPDATE hub.rules_version SET version = version + 1
