# SPDX-License-Identifier: AGPL-3.0-or-later
# Sourced. Sets up and runs one hub with its database and test issuer in a state folder: quickstart, bench and token share it.
# Wants: root (the checkout), state (the state folder), build (the build folder), port, dev_port, issuer_port;
# mllp_port (dev_port + 20 where not set).

# All of it is on this machine, in a database of its own: neither a proxy nor settings of another database are meant for it.
unset "${!PG@}"
export no_proxy="localhost,127.0.0.1${no_proxy:+,$no_proxy}" NO_PROXY="localhost,127.0.0.1${NO_PROXY:+,$NO_PROXY}"

hub_say() { printf '%s\n' "$*"; }
hub_fail() { printf '%s\n' "$*" >&2; return 1; }

# Builds; the log is shown only when it fails. hub_build FOLDER [MESON OPTIONS ...]
hub_build() {
	local folder=$1 log=$1/log.txt
	shift
	[ -f "$folder/build.ninja" ] || rm -rf "$folder"
	mkdir -p "$folder"
	if [ ! -f "$folder/build.ninja" ]; then
		meson setup "$folder" "$root" "$@" >"$log" 2>&1 || { tail -30 "$log" >&2; rm -rf "$folder"; hub_fail "configuring the build failed (above)"; return 1; }
	fi
	ninja -C "$folder" >"$log" 2>&1 || { grep -E 'error|FAILED' "$log" | head -30 >&2; hub_fail "the build failed (above; all of it in $log)"; return 1; }
}

# A process we started: pid file NAME, alive and still the same program? Prints its pid.
hub_pid() {
	local file=$state/run/$1.pid pid
	[ -f "$file" ] || return 1
	pid=$(cat "$file")
	[ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "$1" && echo "$pid"
}

# Stops one of ours: SIGTERM, at most 25 s, then SIGKILL.
hub_end() {
	local pid i
	pid=$(hub_pid "$1") || { rm -f "$state/run/$1.pid"; return 0; }
	kill -TERM "$pid" 2>/dev/null || true
	for ((i = 0; i < 250; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	rm -f "$state/run/$1.pid"
}

hub_stop_all() {
	hub_end maalehubd
	hub_end maalehub-issuer
	"$root/tools/shell/cluster.sh" stop "$state" || true
}

# Certificate authority and server certificate for localhost, the hub's secret. Made once.
hub_keys() {
	local dir=$state/keys
	mkdir -p "$dir" && chmod 700 "$dir"
	[ -s "$dir/secret" ] || (umask 077 && head -c 64 /dev/urandom >"$dir/secret")
	hub_sender_keys || return 1
	[ -s "$dir/server.pem" ] && openssl x509 -in "$dir/server.pem" -checkend 86400 -noout >/dev/null 2>&1 && return 0
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=maalehub quickstart CA" \
			-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' >"$dir/server.ext"
		openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 365 -extfile "$dir/server.ext" \
			-out "$dir/server.pem" 2>/dev/null
	)
	[ -s "$dir/server.pem" ] || hub_fail "openssl could not make a certificate in $dir"
}

# A certificate authority of senders, and an enterprise certificate of it for the measuring service, as a client of the MLLP door. Made once.
hub_sender_keys() {
	local dir=$state/keys
	[ -s "$dir/sender.pem" ] && openssl x509 -in "$dir/sender.pem" -checkend 86400 -noout >/dev/null 2>&1 && return 0
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=maalehub quickstart CA of senders" \
			-keyout "$dir/sender-ca.key" -out "$dir/sender-ca.pem" 2>/dev/null
	)
	hub_sender_key sender "/O=Hjemmemaling AS/CN=solvik-dho/organizationIdentifier=NTRNO-310000043"
}

# A client certificate NAME with that SUBJECT.
hub_sender_key() {
	local dir=$state/keys
	(
		umask 077
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$dir/$1.key" -out "$dir/$1.csr" 2>/dev/null
		printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' >"$dir/$1.ext"
		openssl x509 -req -in "$dir/$1.csr" -CA "$dir/sender-ca.pem" -CAkey "$dir/sender-ca.key" -CAcreateserial -days 365 -extfile "$dir/$1.ext" \
			-out "$dir/$1.pem" 2>/dev/null
	)
	[ -s "$dir/$1.pem" ] || hub_fail "openssl could not make the client certificate $1 in $dir"
}

# The configuration from tools/sample/hub.conf; @NAMES@ are filled in. hub_config [extra lines]
hub_config() {
	local folder
	folder=$(printf '%s' "$state" | sed 's/[\\&|]/\\&/g')
	sed -e "s|@STATE@|$folder|g" -e "s|@PORT@|$port|g" -e "s|@DEV_PORT@|$dev_port|g" -e "s|@MLLP_PORT@|${mllp_port:-$((dev_port + 20))}|g" -e "s|@ISSUER@|http://127.0.0.1:$issuer_port|g" \
		-e "s|@DATABASE@|host=$PGHOST port=$PGPORT dbname=$PGDATABASE|g" "$root/tools/sample/hub.conf" >"$state/hub.conf.new"
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$state/hub.conf.new"
	mv "$state/hub.conf.new" "$state/hub.conf"
}

# Database, migrated. Sets PGHOST and so on.
hub_database() {
	local lines
	lines=$("$root/tools/shell/cluster.sh" start "$state") || { hub_fail "PostgreSQL did not start"; return 1; }
	eval "$(printf '%s\n' "$lines" | sed 's/^/export /')"
}

hub_migrate() { "$build/tools/maalehub" --config "$state/hub.conf" migrate --as postgres; }

hub_wait() { # hub_wait URL SECONDS WHAT LOG
	local i
	for ((i = 0; i < $2 * 10; i++)); do
		curl -fsS -o /dev/null --max-time 2 "$1" 2>/dev/null && return 0
		sleep 0.1
	done
	tail -5 "$4" >&2
	hub_fail "$3 did not come up within $2 s; its log is $4 (its end is above)"
}

hub_start() {
	mkdir -p "$state/run"
	"$build/tools/maalehub-issuer" --listen "127.0.0.1:$issuer_port" --personas "$state/hub.conf" 2>"$state/issuer.log" &
	echo $! >"$state/run/maalehub-issuer.pid"
	hub_wait "http://127.0.0.1:$issuer_port/staff/.well-known/openid-configuration" 10 "the test issuer" "$state/issuer.log" || return 1
	"$build/server/maalehubd" --config "$state/hub.conf" 2>>"$state/hub.log" &
	echo $! >"$state/run/maalehubd.pid"
	hub_wait "http://127.0.0.1:$dev_port/readyz" 20 "the hub" "$state/hub.log"
}

# What other programs need to know; a shell may source it.
hub_env() {
	local folder programs
	printf -v folder '%q' "$state"
	printf -v programs '%q' "$build"
	cat >"$state/env" <<-EOF
		HUB_URL=https://localhost:$port
		DEV_URL=http://127.0.0.1:$dev_port
		ISSUER_URL=http://127.0.0.1:$issuer_port
		MLLP_PORT=${mllp_port:-$((dev_port + 20))}
		CA_FILE=$folder/keys/ca.pem
		MAALEHUB_CONFIG=$folder/hub.conf
		MAALEHUB_STATE=$folder
		MAALEHUB_BUILD=$programs
		PGHOST=$PGHOST
		PGPORT=$PGPORT
		PGDATABASE=$PGDATABASE
		PGUSER=$PGUSER
	EOF
}
