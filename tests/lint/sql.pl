# SPDX-License-Identifier: AGPL-3.0-or-later
# sql.pl FILE...: the offences of SQL files against the rules of sql.sh.
use strict;
use warnings;

my ($path, $text);
my %fragments; # the WITH names that the fragments of one search make for each other

sub offence {
	my ($at, $what) = @_;
	my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
	print "$path:$line: $what\n";
}

# The text with comments and literals blanked, at the same places.
sub bare {
	my ($sql) = @_;
	$sql =~ s{(--[^\n]*|/\*.*?\*/|'(?:[^']|'')*')}{ (my $blank = $1) =~ s/[^\n]/ /g; $blank }gse;
	return lc $sql;
}

# A statement's tables: what stands at $at of $sql must be a subquery, a function, a name of a WITH, or have a schema.
sub check_table {
	my ($sql, $at, $with) = @_;
	pos($sql) = $at;
	$sql =~ /\G\s*(?:(?:only|lateral)\b\s*)*/gc;
	my $from = pos $sql;
	return if $sql =~ /\G\(/gc || $sql !~ /\G([a-z_][\w.]*)\s*(\(?)/gc;
	my ($name, $call) = ($1, $2);
	return if $with->{$name} || $name =~ /^(hub|pg_catalog|information_schema)\./;
	# a function, but not the column list of INSERT INTO name (
	return if $call && substr($sql, 0, $at) !~ /\binto\s*$/;
	offence($from, "\"$name\" has no schema");
}

# The places of the tables of a FROM that begins at $at: behind it and behind each comma of its own depth.
sub from_list {
	my ($sql, $at) = @_;
	my @places = ($at);
	my $depth = 0;
	pos($sql) = $at;
	while ($sql =~ /\G.*?([(),;]|\b(?:where|group|order|limit|offset|union|except|intersect|having|window|for|
			returning|on|using|join|select|set)\b)/gcsx) {
		my $token = $1;
		if ($token eq '(') {
			$depth++;
		} elsif ($token eq ')') {
			last if $depth-- == 0;
		} elsif ($depth == 0) {
			last if $token ne ',';
			push @places, pos $sql;
		}
	}
	return @places;
}

sub check_statement {
	my ($sql) = @_;
	my %with = $path =~ m{^storage/sql/search/} ? %fragments : ();
	$with{$1} = 1 while $sql =~ /\b([a-z_]\w*)\s*(?:\([^()]*\))?\s+as\s+(?:not\s+)?(?:materialized\s+)?\(/g;
	while ($sql =~ /\b(from|join|into|update)\b/g) {
		my ($word, $at) = ($1, pos $sql);
		my $before = substr $sql, 0, $at - length $word;
		next if $word eq 'update' && ($before =~ /\b(for|key|do|on)\s+$/ || $before =~ /[(,]\s*$|grant\b[^;]*$/);
		next if $word eq 'from' && $before =~ /\bdistinct\s+$/;
		next if $word eq 'from' && $before =~ /\b(extract|substring|trim|overlay)\s*\([^()]*$/;
		next if $word eq 'from' && $before =~ /\brevoke\b[^;]*$/;
		check_table($sql, $_, \%with) for $word eq 'from' ? from_list($sql, $at) : ($at);
	}
}

for (grep { m{^storage/sql/search/} } @ARGV) {
	open my $file, '<', $_ or die "$_: $!\n";
	my $sql = bare(do { local $/; <$file> } // '');
	$fragments{$1} = 1 while $sql =~ /^([a-z_]\w*)\s*\([^()]*\)\s+as\s+(?:materialized\s+)?\(/gm;
}

for (@ARGV) {
	$path = $_;
	open my $file, '<', $path or die "$path: $!\n";
	$text = do { local $/; <$file> } // '';
	my $sql = bare($text);
	offence(0, 'the first line is no comment') if $text !~ /^--\s*\S/;
	my @banned = ('set_config', 'copy');
	push @banned, 'security definer', 'trigger' if $path =~ m{^storage/migrations/};
	for my $word (@banned) {
		(my $pattern = $word) =~ s/ /\\s+/g;
		offence($-[0], "$word is banned") while $sql =~ /\b$pattern\b/g;
	}
	check_statement($sql) if $path =~ m{^storage/sql/};
}
