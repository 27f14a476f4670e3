#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# No data without a grant, and only authz/decide.c makes one: all others hold a const struct grant *. The tests of storage
# make theirs: also such as decide() would not.
source "$(dirname "$0")/common.bash"

files '*.c' '*.h' | grep -vE '^(authz/decide\.[ch]|tests/unit/authz/test_decide\.c|tests/unit/storage/.*)$' | tr '\n' '\0' |
	xargs -0 perl tests/lint/code.pl code | perl -ne '
	my ($file, $line, $code) = /^([^:]+):(\d+):(.*)/ or next;
	while ($code =~ /(\bconst\s+)?\bstruct\s+grant(?:_part)?\b\s*(.)?/g) {
		my ($const, $next) = ($1, $2 // "");
		next if $next eq ";" || ($const && $next eq "*");
		print "$file:$line: a grant is made only by authz/decide.c\n";
	}' | verdict
