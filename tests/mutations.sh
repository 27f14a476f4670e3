#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Every guard's test has a control: takes one guard away at a time, in a copy of the tree, and wants at least one of the named lints,
# unit tests or scenarios to fail. All of these are in the daily lanes of tools/test. The guards: tests/mutations.list.
#
#   tests/mutations.sh [NAME ...]          all, or those named; --list names them; MAALEHUB_MUTANT: the folder of the copy
#   tests/mutations.sh --part K/N          every Nth of them, from the Kth: a guard mostly waits for servers to start, so that
#                                          two parts side by side, each with a copy of its own, take half the time of the whole
#
# Nothing is mutated before the same tests have passed on the copy as it is. Prints which test caught which; exits 0 when each was caught.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
home=${MAALEHUB_MUTANT:-$root/build-test/mutant}
tree=$home/tree pristine=$home/pristine build=$home/build
python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
part=1 parts=1
if [ "${1:-}" = --part ]; then
	part=${2%/*} parts=${2#*/}
	[[ $part =~ ^[1-9]$ && $parts =~ ^[1-9]$ && $part -le $parts ]] || { echo "tests/mutations.sh: --part K/N, not ${2:-}" >&2 && exit 2; }
	shift 2
fi
only=" $* " caught=0 nth=0 survived=() stale=() seen=() current='' what='' changed=()

# ---- the words of mutations.list

# guard NAME WHAT: begins one
guard() { current=$1 what=$2 changed=() nth=$((nth + 1)); }
# edit FILE PERL: a substitution that must apply; several make one mutation
edit() { changed+=("$1" "$2"); }
# caught_by TEST ...: ends one. A test is `lint NAME`, `unit SUITE NAME` or `scenario FILE [-k EXPRESSION]`
caught_by() {
	case $mode in
	list) printf '%-24s %s\n' "$current" "$what" ;;
	gather) is_wanted && seen+=("$@") ;;
	mutate) if is_wanted; then mutate "$@"; fi ;;
	esac
}
is_wanted() { if [ "$only" = "  " ]; then [ $((nth % parts)) -eq $((part % parts)) ]; else [[ $only == *" $current "* ]]; fi; }

# ---- the copy

copy_tree() {
	# with the time of now (-m): a run that was ended in the middle left objects of a mutated file, newer than the file
	rm -rf "$tree" "$pristine" && mkdir -p "$tree"
	tar -C "$root" --exclude='./build*' --exclude=./.git --exclude=./.quickstart --exclude=./.bench --exclude=__pycache__ -cf - . | tar -C "$tree" -xmf -
	cp -r "$tree" "$pristine"
	# the lints ask git which files there are
	git -C "$tree" init -q && git -C "$tree" add -A >/dev/null
	[ -f "$build/build.ninja" ] || CC=gcc meson setup "$build" "$tree" --buildtype=debugoptimized -Dcontrols=true >"$home/log" 2>&1 || { tail -20 "$home/log"; exit 1; }
}
compile() { ninja -C "$build" server/maalehubd tools/maalehub tools/maalehub-issuer >"$home/log" 2>&1; }

# run_test TEST: its status; what it says is in $home/log
run_test() {
	local words
	read -ra words <<<"$1"
	case ${words[0]} in
	lint) bash "$tree/tests/lint/${words[1]}.sh" >"$home/log" 2>&1 ;;
	unit) meson test -C "$build" --suite "${words[1]}" "${words[2]}" --print-errorlogs >"$home/log" 2>&1 ;;
	scenario) run_scenarios "$([ ${#words[@]} -eq 2 ] || echo "${1#*-k }")" "${words[1]}" ;;
	esac
}
# run_scenarios EXPRESSION FILE ...: pytest's -k, empty for all
run_scenarios() {
	local expression=$1
	shift
	(cd "$tree" && MAALEHUB_BUILD=$build $python -m pytest -q -x -p no:cacheprovider --tb=line -m "not attack and not soak" ${expression:+-k "$expression"} "${@/#/tests/scenario/}") >"$home/log" 2>&1
}
# run_all: every test that is named, each once; the scenarios together, with one hub
run_all() {
	local test file expression all=() files=()
	while read -r test; do
		case $test in scenario*) continue ;; esac
		run_test "$test" || return 1
	done < <(printf '%s\n' "${seen[@]}" | sort -u)
	while read -r file; do
		expression=$(printf '%s\n' "${seen[@]}" | sed -nE "s/^scenario $file -k (.*)/\1/p" | sort -u | sed 's/.*/(&)/' | paste -sd'|' | sed 's/|/ or /g')
		printf '%s\n' "${seen[@]}" | grep -qx "scenario $file" && expression=
		all+=("$file${expression:+ and ($expression)}") files+=("$file")
	done < <(printf '%s\n' "${seen[@]}" | awk '$1 == "scenario" { print $2 }' | sort -u)
	[ ${#files[@]} -eq 0 ] || run_scenarios "$(printf '(%s)\n' "${all[@]}" | paste -sd'|' | sed 's/|/ or /g')" "${files[@]}"
}
# failing: the test case that turned red, out of the log
failing() {
	grep -Eo '^\[  FAILED  \] [A-Za-z_0-9]+$|^FAILED tests/[^ ]+|^ERROR tests/[^ ]+' "$home/log" | head -1 | sed -E 's/^(FAILED|ERROR) tests\/scenario\///; s/^\[  FAILED  \] //'
}
# is_missing STATUS: a test that is red because it is not there shows nothing (pytest's 4 and 5).
is_missing() { [ "$1" -eq 4 ] || [ "$1" -eq 5 ] || grep -q 'No suitable tests defined' "$home/log"; }

restore() {
	local i
	for ((i = 0; i < ${#changed[@]}; i += 2)); do cp "$pristine/${changed[i]}" "$tree/${changed[i]}"; done
}

mutate() {
	local i test status began
	began=$(date +%s)
	for ((i = 0; i < ${#changed[@]}; i += 2)); do
		if ! perl -0777 -pe "(${changed[i + 1]}) or die \"does not apply\n\"" "$tree/${changed[i]}" >"$home/mutated" 2>"$home/log" ||
			! cp "$home/mutated" "$tree/${changed[i]}"; then
			echo "stale     $current: ${changed[i]}: $(tail -1 "$home/log")"
			stale+=("$current")
			restore
			return
		fi
	done
	if ! compile; then
		echo "stale     $current: does not compile: $(grep -m1 -E 'error' "$home/log")"
		stale+=("$current")
		restore
		return
	fi
	for test in "$@"; do
		run_test "$test"
		status=$?
		if is_missing $status; then
			echo "stale     $current: there is no test: $test"
			stale+=("$current")
			restore
			return
		fi
		if [ $status -ne 0 ]; then
			printf 'caught    %-24s by %s: %s (%d s)\n' "$current" "$test" "$(failing)" $(($(date +%s) - began))
			caught=$((caught + 1))
			restore
			return
		fi
	done
	printf 'SURVIVED  %-24s %s; none of: %s\n' "$current" "$what" "$(printf '%s, ' "$@")"
	survived+=("$current")
	restore
}

if [ "${1:-}" = --list ]; then
	only='  ' mode=list
	. "$root/tests/mutations.list"
	exit 0
fi
mkdir -p "$home"
copy_tree
echo "building the copy and running the tests on it as it is ..."
compile || { grep -E 'error|FAILED' "$home/log" | head; exit 1; }
mode=gather
. "$root/tests/mutations.list"
run_all || { tail -30 "$home/log"; echo "without any mutation, this fails"; exit 1; }
mode=mutate nth=0
. "$root/tests/mutations.list"
compile || true
echo "$caught caught, ${#survived[@]} survived, ${#stale[@]} stale"
[ ${#survived[@]} -eq 0 ] && [ ${#stale[@]} -eq 0 ] && [ $caught -gt 0 ]
