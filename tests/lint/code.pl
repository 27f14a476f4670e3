# SPDX-License-Identifier: AGPL-3.0-or-later
# code.pl code|strings FILE...: the lines of C files as file:line:text, either without comments and with empty
# string literals, or with nothing but the contents of string literals. A // comment stays, as //.
use strict;
use warnings;

my $mode = shift @ARGV;
for my $path (@ARGV) {
	open my $file, '<', $path or die "$path: $!\n";
	my $text = do { local $/; <$file> };
	$text =~ s{(/\*.*?\*/)|(//[^\n]*)|"((?:[^"\\\n]|\\.)*)"|('(?:[^'\\\n]|\\.)*')|([^/"']+|.)}{
		my ($comment, $line, $string, $char, $code) = ($1, $2, $3, $4, $5);
		my $kept;
		if ($mode eq 'code') {
			$kept = defined $line ? '//' : defined $string ? '""' : defined $char ? "' '" :
				defined $code ? $code : ' ';
		} else {
			$kept = defined $string ? "\"$string\"" : '';
		}
		my $all = join '', grep { defined } $comment, $line, $string, $char, $code;
		$kept . "\n" x (($all =~ tr/\n//) - ($kept =~ tr/\n//));
	}gsex;
	my $number = 0;
	print "$path:", ++$number, ":$_\n" for split /\n/, $text;
}
