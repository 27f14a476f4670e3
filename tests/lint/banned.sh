#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Functions that overflow, that look at the clock or the locale behind our back, or that own memory outside of the
# arena; goto; // comments.
source "$(dirname "$0")/common.bash"

files '*.c' '*.h' | tr '\n' '\0' | xargs -0 perl tests/lint/code.pl code | perl -ne '
	BEGIN {
		$everywhere = qr/\b(v?sprintf|strcpy|stpcpy|strcat|strncpy|strncat|strtok(?:_r)?|ato[ifl]|atoll|
			[fs]?scanf|v[fs]?scanf|gets|s?rand|random|drand48|localtime|gmtime|ctime|asctime|mktime|
			time|alloca|tmpnam|mktemp|system|popen|setlocale|longjmp)\s*\(/x;
		$memory = qr/\b(malloc|calloc|realloc|reallocarray|free|v?asprintf|strn?dup|aligned_alloc|
			posix_memalign)\s*\(/x;
		# arena.c, and the doorways that own foreign handles
		$owners = qr{^(fhir/base/(arena|json|xml)|authz/(jose|seal)|storage/(db|pack)|
			server/(tls|fetch|loop|accept|guard|http)|tools/|tests/)}x;
		$output = qr/\b(v?printf|puts|putchar)\s*\(/;
		$world = qr/\b(v?fprintf|fopen|fputs|fwrite|getenv|secure_getenv|clock_gettime|gettimeofday)\s*\(/;
	}
	our ($file, $line);
	my $code;
	($file, $line, $code) = /^([^:]+):(\d+):(.*)/ or next;
	sub offence { print "$file:$line: $_[0]\n" }
	offence("a // comment") if $code =~ m{//};
	offence("goto") if $code =~ /\bgoto\b/;
	# a member or a function type of the name is not the function
	(my $calls = $code) =~ s/(?:->|\.)\s*\w+//g;
	offence("$1 is banned") if $calls =~ $everywhere;
	offence("$1 outside of the arena and the doorways") if $calls =~ $memory && $file !~ $owners;
	offence("$1 outside of tools") if $calls =~ $output && $file !~ m{^(tools|tests)/};
	offence("$1 in a pure folder") if $calls =~ $world && $file =~ m{^(fhir|authz)/};' | verdict
