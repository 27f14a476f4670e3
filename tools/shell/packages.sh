# SPDX-License-Identifier: AGPL-3.0-or-later
# Sourced. packages_need LIST: installs what of the list is missing, saying what and why; root, or sudo.

packages_build="gcc meson ninja-build pkg-config libc6-dev libh2o-evloop-dev libssl-dev libpq-dev libyajl-dev libxml2-dev libjwt-dev libcurl4-openssl-dev liblz4-dev libnghttp2-dev zlib1g-dev python3-minimal"
packages_run="postgresql-15 postgresql-client-15 openssl curl jq tzdata ca-certificates procps"
packages_test="libcmocka-dev clang-14 clang-format-14 libclang-rt-14-dev llvm-14 universal-ctags git python3-pytest python3-pytest-xdist python3-httpx python3-h2 python3-jwcrypto python3-psycopg2 python3-cryptography nghttp2-client"
# Node 18 or newer, from Debian where there is none
{ command -v node && command -v npm; } >/dev/null || packages_test="$packages_test nodejs npm"

packages_need() {
	local missing=() name as_root=()
	for name in "$@"; do
		dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { echo "These Debian packages are missing and there is no sudo: ${missing[*]}" >&2; return 1; }
		as_root=(sudo)
	fi
	echo "Installing from Debian (to build the hub, run its private database and talk to it): ${missing[*]}"
	if ! dpkg-query -W postgresql-common >/dev/null 2>&1; then
		# The package would make and start a cluster of its own; the hub has a private one.
		"${as_root[@]}" mkdir -p /etc/postgresql-common
		[ -e /etc/postgresql-common/createcluster.conf ] ||
			echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	local log
	log=$(mktemp)
	if ! { "${as_root[@]}" apt-get -q update &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
		tail -20 "$log" >&2
		echo "Installing failed; the lines above are the end of what apt-get said. Mend that and run this again." >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}
