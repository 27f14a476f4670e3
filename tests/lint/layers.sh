#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Who may include whom: fhir < authz < storage < server < tools, and each library behind its doorway (ARCHITECTURE.md).
source "$(dirname "$0")/common.bash"

files '*.c' '*.h' | tr '\n' '\0' | xargs -0 grep -nE '^[[:space:]]*#[[:space:]]*include' | perl -ne '
	BEGIN {
		my $n = 0;
		%rank = map { $_ => $n++ } qw(fhir authz storage openapi server tools tests);
		@doorways = (
			[qr{^yajl/}, qr{^fhir/base/json}],
			[qr{^libxml/}, qr{^fhir/base/xml}],
			[qr{^openssl/}, qr{^(authz/(jose|seal)|server/tls|tools/load)}],
			[qr{^(libpq-fe\.h|libpq/|postgres)}, qr{^storage/db}],
			[qr{^lz4}, qr{^storage/pack}],
			[qr{^curl/}, qr{^server/fetch}],
			[qr{^h2o(\.h$|/)}, qr{^(server/(accept|guard|http|loop|wire)|tools/issuer)}],
			[qr{^jwt\.h$}, qr{^tools/issuer}],
			[qr{^nghttp2/}, qr{^tools/load}],
			[qr{^cmocka}, qr{^tests/}],
		);
		# The C library. In the pure folders, only what neither waits nor looks at the world.
		%pure = map { ("$_.h" => 1) } qw(assert ctype errno float inttypes iso646 limits math stdalign stdarg
			stdbool stddef stdint stdio stdlib string sanitizer/asan_interface);
		%impure = map { ("$_.h" => 1) } qw(dirent dlfcn fcntl getopt ifaddrs locale malloc netdb poll pthread
			sched setjmp signal spawn stdatomic strings syslog termios threads time unistd);
	}
	our ($file, $line);
	my $rest;
	($file, $line, $rest) = /^([^:]+):(\d+):(.*)/ or next;
	my ($folder) = $file =~ m{^([a-z]+)/};
	sub offence { print "$file:$line: $_[0]\n" }
	if (!defined $folder || !defined $rank{$folder}) {
		offence("a C file outside of the folders");
	} elsif ($rest =~ /include\s*"([^"]+)"/) {
		my $header = $1;
		my ($layer) = $header =~ m{^([a-z]+)/};
		# what sql2c.py makes is private to storage
		next if $header eq "statements.h" && $folder =~ /^(storage|tests)$/;
		if (!defined $layer || !defined $rank{$layer}) {
			offence("\"$header\" is not written from the root");
		} elsif ($rank{$layer} > $rank{$folder}) {
			offence("$folder may not include $layer (\"$header\")");
		} elsif ($file =~ m{^fhir/base/} && $header !~ m{^fhir/base/}) {
			offence("fhir/base includes nothing else (\"$header\")");
		}
	} elsif ($rest =~ /include\s*<([^>]+)>/) {
		my $header = $1;
		my ($door) = grep { $header =~ $_->[0] } @doorways;
		if (defined $door) {
			offence("<$header> outside of its doorway")
				unless $folder eq "tests" || $file =~ $door->[1];
		} elsif (!$pure{$header}) {
			my $known = $impure{$header} || $header =~ m{^(sys|netinet|arpa|net|linux)/};
			offence("<$header> is known to no doorway") unless $known;
			offence("<$header> in a pure folder") if $known && $folder =~ /^(fhir|authz)$/;
		}
	} else {
		offence("an include that cannot be read");
	}' | verdict
