#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SQL stands in storage/sql and storage/migrations, says what it is for and names every table with its schema.
source "$(dirname "$0")/common.bash"

{
	files 'storage/sql/*.sql' 'storage/migrations/*.sql' | tr '\n' '\0' | xargs -0r perl tests/lint/sql.pl
	# Only storage/search_sql.c joins pieces of SQL, and these are files too.
	files '*.c' '*.h' | grep -vE '^(tests/|storage/search_sql\.c$)' | tr '\n' '\0' |
		xargs -0 perl tests/lint/code.pl strings |
		perl -ne 'print if /"[^"]*\b(SELECT|INSERT|UPDATE|DELETE)\s|"(select|insert into|update|delete from) [^"]*\b(from|set|hub|values)\b/' |
		sed -E 's/^([^:]+:[0-9]+):.*/\1: SQL in C/'
} | verdict
