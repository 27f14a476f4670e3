#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# clang-format decides and nobody argues.
source "$(dirname "$0")/common.bash"

command -v clang-format-14 >/dev/null || { echo "clang-format-14 is missing"; exit 1; }
files '*.c' '*.h' | tr '\n' '\0' | xargs -0 clang-format-14 --dry-run -Werror --ferror-limit=0 2>&1 |
	sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: error: .*/\1: not as clang-format-14 has it/p' | sort -u | verdict
