# SPDX-License-Identifier: AGPL-3.0-or-later
# Sourced by each lint. A lint prints its offences as file:line: what, and exits 1 if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
export LC_ALL=C

# The files of the checkout (with those not yet added) that match the git patterns.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
		if [ -f "$file" ]; then printf '%s\n' "$file"; fi
	done
}

# Passes offences on from stdin; red if there are any. The last command of a lint.
verdict() {
	! grep .
}
