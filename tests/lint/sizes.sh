#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Functions of at most 80 lines and 6 parameters, files of 800, headers of 150. No exceptions list; but a signature that a library dictates
# (a callback that takes an nghttp2_session or xmlChar, a function of h2o's that the guard stands in for) is the library's, not ours to shorten.
source "$(dirname "$0")/common.bash"

{
	files '*.c' '*.h' '*.py' '*.sh' '*.sql' | tr '\n' '\0' | xargs -0 awk '
		function check() {
			most = before ~ /\.h$/ ? 150 : 800
			if (lines > most)
				print before ":" lines ": " lines " lines, " most " are allowed"
		}
		FNR == 1 { check(); before = FILENAME }
		{ lines = FNR }
		END { check() }'
	files '*.c' '*.h' | ctags -f - -L - --languages=C --langmap=C:.c.h --kinds-C=fp --fields=neS \
		--sort=no --pseudo-tags= 2>/dev/null | perl -ne '
		my ($name, $file) = split /\t/;
		my ($line) = /\tline:(\d+)/;
		my ($end) = /\tend:(\d+)/;
		my ($list) = /\tsignature:\((.*)\)/;
		my $long = defined $end ? $end - $line + 1 : 0;
		print "$file:$line: $name has $long lines, 80 are allowed\n" if $long > 80;
		next if !defined $list || $list =~ /^nghttp2_session \*|\bxmlChar \*/ || $name =~ /^h2o_/;
		1 while $list =~ s/\([^()]*\)//g; # the parameters of a parameter that is a function
		$list =~ s/,\s*\.\.\.//;
		my $count = () = $list =~ /,/g;
		print "$file:$line: $name has ", $count + 1, " parameters, 6 are allowed\n" if $count > 5;'
} | verdict
