#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Every edit of tests/mutations.list still applies to the file it names: a control that cannot be set up shows nothing.
source "$(dirname "$0")/common.bash"

current=
guard() { current=$1; }
caught_by() { :; }
edit() {
	perl -0777 -e 'my $name = shift; local $_ = do { local $/; open my $file, "<", shift or exit 2; <$file> }; my $before = $_; eval "($name) or die"; exit($@ ne "" || $_ eq $before)' \
		"$2" "$1" || echo "$1:1: the edit of $current in tests/mutations.list does not apply"
}
{ source tests/mutations.list; } | verdict
