#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Runs a test program against a private PostgreSQL cluster of its own: with_cluster.sh PROGRAM [ARGUMENT...]
# PGHOST, PGPORT, PGDATABASE and PGUSER (the superuser) are set for it. An existing cluster is used when PGHOST is set already.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
if [ -n "${PGHOST:-}" ]; then exec "$@"; fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/mhtest.XXXXXX")
cluster=$here/../../../tools/shell/cluster.sh
trap '"$cluster" drop "$dir" >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
settings=$("$cluster" start "$dir")
while IFS='=' read -r name value; do export "$name=$value"; done <<<"$settings"
"$@"
