#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# No private keys, no national identifiers that a person could have, no paths of the machine it was written on.
# A synthetic identifier has its month moved by 80 (Tenor) or 65 (NHN), a help number by 40.
source "$(dirname "$0")/common.bash"

files | tr '\n' '\0' | xargs -0 perl -ne '
	sub offence { print "$ARGV:$.: $_[0]\n" }
	# Day or day + 40 (D-number), a plain month, and both check digits (Skatteetaten, fødselsnummer).
	sub is_real {
		my @d = split //, $_[0];
		my ($day, $month) = ($d[0] * 10 + $d[1], $d[2] * 10 + $d[3]);
		$day -= 40 if $day > 40;
		return 0 if $day < 1 || $day > 31 || $month < 1 || $month > 12;
		for my $weights ([3, 7, 6, 1, 8, 9, 4, 5, 2, 1], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) {
			my $sum = 0;
			$sum += $weights->[$_] * $d[$_] for 0 .. $#$weights;
			return 0 if $sum % 11 != 0;
		}
		return 1;
	}
	offence("a private key") if /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
	while (/(?<![\d.])(\d{11})(?![\d.]*\d)/g) {
		offence("an identifier that a person could have") if is_real($1);
	}
	offence("a path of one machine") if m{(?<![\w.\$\}*])/(work|home|root|Users)/\w};
	close ARGV if eof;' | verdict
