#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs the foreign clients and the foreign validator into FOLDER, as package-lock.json pins them; does nothing where that is done.
#   tests/clients/install.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?install.sh wants a folder}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
stamp=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)
[ "$(cat "$folder/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
rm -f "$folder/.stamp"
cp "$here/package.json" "$here/package-lock.json" "$folder"
log=$folder/npm.log
(cd "$folder" && npm ci --ignore-scripts --omit=optional --omit=peer --no-audit --no-fund) >"$log" 2>&1 || { tail -15 "$log" >&2; echo "npm could not install the clients; its log is $log" >&2; exit 1; }
echo "$stamp" >"$folder/.stamp"
