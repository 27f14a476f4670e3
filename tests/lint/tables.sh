#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Every table is wired: some C file includes each *.tbl.
source "$(dirname "$0")/common.bash"

included=$(files '*.c' '*.h' | tr '\n' '\0' | xargs -0 sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+\.tbl)".*/\1/p' | sort -u)
files '*.tbl' | while IFS= read -r table; do
	grep -qxF "$table" <<<"$included" || echo "$table:1: no C file includes this table"
done | verdict
