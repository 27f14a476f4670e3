# SPDX-License-Identifier: AGPL-3.0-or-later
# Sourced by each lint. A lint prints its offences as file:line: what, and exits 1 if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
export LC_ALL=C

# The files of the checkout (with those not yet added) that match the patterns, where * matches / too. Outside of git,
# as in a release's archive, all files but those of a build.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		local paths=() pattern
		for pattern in "${@:-*}"; do paths+=(-o -path "./$pattern"); done
		find . -type f -not -path './.git/*' -not -path './build*' \( "${paths[@]:1}" \) | sed 's|^\./||'
	fi | sort -u | while IFS= read -r file; do
		if [ -f "$file" ]; then printf '%s\n' "$file"; fi
	done
}

# Passes offences on from stdin; red if there are any. The last command of a lint.
verdict() {
	! grep .
}
