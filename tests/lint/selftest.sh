#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Can each lint turn red? Offences are planted in a copy of the tree: each must be named, with its line, by its lint;
# what is planted as innocent must not be.
source "$(dirname "$0")/common.bash"

copy=$(mktemp -d) && trap 'rm -rf "$copy"' EXIT || exit 2
files | tar -c -T - | tar -x -C "$copy" || exit 2
git init -q "$copy" || exit 2
expected=()

# plant LINT FILE LINE: the file from stdin, of which LINT must name LINE; LINE 0 is innocent.
plant() {
	mkdir -p "$copy/$(dirname "$2")"
	cat >"$copy/$2"
	expected+=("$1 $2 $3")
}
lines() {
	for ((i = 0; i < $1; i++)); do echo "$2"; done
}

plant layers authz/planted_up.c 1 <<<'#include "storage/db.h"'
plant layers fhir/base/planted_base.c 1 <<<'#include "fhir/code.h"'
plant layers authz/planted_local.c 1 <<<'#include "seal.h"'
plant layers server/planted_door.c 2 <<<$'\n#include <yajl/yajl_gen.h>'
plant layers storage/planted_h2o.c 1 <<<'#  include <h2o/http1.h>'
plant layers authz/planted_ssl.c 1 <<<'#include <openssl/evp.h>'
plant layers fhir/planted_clock.c 1 <<<'#include <time.h>'
plant layers server/planted_new.c 1 <<<'#include <zlib.h>'
plant layers server/planted_good.c 0 <<<$'#include <time.h>\n#include "authz/decide.h"'
plant layers fhir/base/json_planted.c 0 <<<'#include <yajl/yajl_gen.h>'

plant sizes fhir/planted_long.c 2 < <(echo; echo 'int f(void)'; echo '{'; lines 77 '	g();'; echo '	return 0;'; echo '}')
plant sizes fhir/planted_80.c 0 < <(echo 'int f(void)'; echo '{'; lines 76 '	g();'; echo '	return 0;'; echo '}')
plant sizes fhir/planted_many.c 2 <<<$'\nint f(int a, int b, int c, int d,\n\tint e, int f, int g);'
plant sizes fhir/planted_six.h 0 <<<'int f(int a, int b, int (*c)(int, int), int d, int e, int f, ...);'
plant sizes fhir/planted_file.c 801 < <(lines 801 'int a;')
plant sizes fhir/planted_header.h 151 < <(lines 151 'int a;')

plant mutations fhir/planted_mutant.c 1 <<<'int a;'
printf "guard planted 'x'\nedit fhir/planted_mutant.c 's/b/c/'\ncaught_by 'lint sizes'\n" >>"$copy/tests/mutations.list"

plant banned fhir/planted_copy.c 2 <<<$'\nvoid f(char *a) { strcpy (a, "b"); }'
plant banned fhir/planted_goto.c 1 <<<'void f(void) { goto end; end:; }'
plant banned fhir/planted_slash.c 1 <<<'int a; // why'
plant banned fhir/planted_time.c 1 <<<'long f(void) { return time(0); }'
plant banned fhir/planted_malloc.c 1 <<<'void *f(void) { return malloc(1); }'
plant banned server/planted_printf.c 1 <<<'void f(void) { printf("a"); }'
plant banned authz/planted_env.c 1 <<<'char *f(void) { return getenv("a"); }'
plant banned fhir/planted_words.c 0 <<<$'/* goto, strcpy(a)\n // */ char *a = "http://x gets(b) goto \\" //"; int q = \'"\'; void f(void) { x->time(0); a_free(b); }'

plant format fhir/planted_format.c 2 <<<$'int f(void)\n{\n  return 0;\n}'

plant sql storage/sql/planted_comment.sql 1 <<<'select a from hub.b'
plant sql storage/sql/planted_bare.sql 3 <<<$'-- read: a\nselect a\nfrom b'
plant sql storage/sql/planted_comma.sql 2 <<<$'-- read: a\nselect a from hub.b x, c where 1 = 1'
plant sql storage/sql/planted_join.sql 2 <<<$'-- read: a\nselect a from hub.b left join lateral (select 1 from c) x on true'
plant sql storage/sql/planted_into.sql 2 <<<$'-- write: a\ninsert into b (c) values (1)'
plant sql storage/sql/planted_update.sql 2 <<<$'-- write: a\nupdate b set c = 1'
plant sql storage/sql/planted_config.sql 2 <<<$'-- write: a\nselect set_config(\'a\', $1, true)'
plant sql storage/sql/planted_copy.sql 2 <<<$'-- write: a\nCOPY hub.b from stdin'
plant sql storage/migrations/9999_planted.sql 2 <<<$'-- a\ncreate function hub.f() returns int language sql security\n definer as $$select 1$$'
plant sql storage/migrations/9998_planted.sql 2 <<<$'-- a\ncreate trigger t'
plant sql server/planted_sql.c 1 <<<'const char *a = "SELECT 1";'
plant sql server/planted_lower.c 1 <<<'const char *a = "delete from hub.b";'
plant sql storage/search_sql.c 0 <<<'const char *a = "SELECT 1";'
plant sql server/planted_text.c 0 <<<$'/* SELECT a */ const char *a = "update of a resource";'
plant sql storage/sql/planted_good.sql 0 <<'END'
-- write: from nowhere, into nothing. $1
with x (a, b) as materialized (select 1, extract(epoch from now()) from hub.c c, unnest($1::int[]) as u (v), lateral (select 1) l
	where a is distinct from b order by (select 1), 2 for update)
insert into hub.d (a) select a from x, pg_catalog.pg_class k on conflict (a) do update set a = 'from nowhere'
END

# Check digits are worked out here, so that this file holds no such number itself.
number=$(perl -e '
	my $n = sub { my $d = shift; my $s = 0; $s += $_[$_] * substr($d, $_, 1) for 0 .. $#_; (11 - $s % 11) % 11 };
	for my $i (100 .. 499) {
		my $d = $ARGV[0] . $i;
		my $k = $n->($d, 3, 7, 6, 1, 8, 9, 4, 5, 2); next if $k == 10;
		my $l = $n->("$d$k", 5, 4, 3, 2, 7, 6, 5, 4, 3, 2); next if $l == 10;
		print "$d$k$l"; last;
	}' 010250)
synthetic=${number:0:2}82${number:4}
plant secrets tests/planted_person.py 2 <<<$'\n'"a = '$number'"
plant secrets tests/planted_synthetic.py 0 <<<"a = '$synthetic'; b = 1$number"
plant secrets tests/planted_key.pem 1 <<<"-----BEGIN EC PRIVATE"" KEY-----"
plant secrets server/planted_path.c 1 <<<'const char *a = "/'home'/somebody/x";'

plant tables fhir/planted.tbl 1 <<<'ROW(a)'
plant grants storage/planted_grant.c 1 <<<'void f(void) { struct grant grant = { 0 }; }'
plant grants storage/planted_cast.c 1 <<<'void *f(void *a) { return (struct grant *)a; }'
plant grants storage/planted_held.c 0 <<<$'struct grant;\nvoid f(const struct grant *grant);'

for lint in tests/lint/*.sh; do
	name=$(basename "$lint" .sh)
	[ "$name" = selftest ] && continue
	found=$(cd "$copy" && bash "$lint")
	red=$?
	count=0
	for row in "${expected[@]}"; do
		read -r of file line <<<"$row"
		[ "$of" = "$name" ] || continue
		count=$((count + 1))
		if [ "$line" = 0 ]; then
			! grep -F "$file:" <<<"$found" || echo "$lint: names the innocent $file"
		else
			grep -qF "$file:$line:" <<<"$found" || echo "$lint: does not name $file:$line"
		fi
	done
	[ $count -gt 0 ] || echo "$lint: nothing is planted for it"
	[ $red = 1 ] || echo "$lint: exits $red with offences planted"
done | verdict
