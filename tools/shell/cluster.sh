#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A private PostgreSQL cluster: never the system's, unix socket only, peer authentication, checksums.
#
#   cluster.sh start DIR    makes the cluster of DIR if there is none, starts it, prints KEY=value lines:
#                           PGHOST (socket folder), PGPORT, PGDATABASE, PGUSER (its superuser)
#   cluster.sh stop DIR     stops it (fast)
#   cluster.sh crash DIR    ends it as the death of the machine would, but for what the kernel holds
#   cluster.sh drop DIR     stops it and deletes it
#   cluster.sh env DIR      prints the lines again
#
# An ordinary user's cluster runs as that user, inside DIR/pg. initdb refuses root, so root's runs as `postgres` in a folder
# of its own below /var/lib/postgresql, named after DIR; `drop` knows it. The socket's folder has a short path (107-byte limit).
# CLUSTER_SETTINGS may hold more postgresql.conf lines. CLUSTER_TEMPLATE: a folder that keeps a cluster as initdb made it; the suite makes many.
set -euo pipefail
unset "${!PG@}" # settings of another database

action=${1:?start, stop, drop or env} dir=$(realpath -m "${2:?folder}")
tag=$(printf '%s' "$dir" | sha256sum | cut -c1-10)
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || { echo "cluster.sh: PostgreSQL's server is not installed (package postgresql-15)" >&2; exit 1; }
me=$(id -un)
if [ "$(id -u)" = 0 ]; then
	owner=postgres home=/var/lib/postgresql/maalehub-$tag data=/var/lib/postgresql/maalehub-$tag/pg
	as() { (cd / && exec runuser -u postgres -- "$@"); }
else
	owner=$me home=$dir data=$dir/pg
	as() { (cd / && exec "$@"); }
fi
sock=${TMPDIR:-/tmp}/mh-$tag
[ ${#sock} -lt 80 ] && [ -d "${sock%/*}" ] && [ "${sock//[[:space:]\']/}" = "$sock" ] || sock=/tmp/mh-$tag

# Whole or not at all, for others may be doing the same.
keep_template() {
	local made=$CLUSTER_TEMPLATE.$$
	cp -a "$data" "$made" && mv -T "$made" "$CLUSTER_TEMPLATE" 2>/dev/null || rm -rf "$made"
}

make_cluster() {
	mkdir -p "$dir" "$home"
	[ "$owner" = "$me" ] || chown "$owner": "$home"
	if [ -n "${CLUSTER_TEMPLATE:-}" ] && [ -d "$CLUSTER_TEMPLATE" ]; then
		cp -a "$CLUSTER_TEMPLATE" "$data"
		[ "$owner" = "$me" ] || chown -R "$owner": "$data"
	else
		as "$bin/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 -k --auth=reject >"$dir/initdb.log" 2>&1 ||
			{ cat "$dir/initdb.log" >&2; exit 1; }
		[ -z "${CLUSTER_TEMPLATE:-}" ] || keep_template
	fi
	as tee -a "$data/postgresql.conf" >/dev/null <<-EOF
		listen_addresses = ''
		port = 5432
		unix_socket_directories = '$sock'
		max_connections = 100
		log_parameter_max_length = 0
		log_parameter_max_length_on_error = 0
		log_error_verbosity = terse
		log_min_error_statement = panic
		wal_compression = lz4
		checkpoint_timeout = 15min
		max_wal_size = 2GB
		shared_buffers = ${CLUSTER_BUFFERS:-256MB}
		jit = off
		timezone = 'UTC'
		${CLUSTER_SETTINGS:-}
	EOF
	# Who may be whom: this user (and the cluster's) as the superuser and the hub's one-purpose roles, by peer, nothing else.
	printf 'local all all peer map=hub\n' | as tee "$data/pg_hba.conf" >/dev/null
	for role in postgres hub_resolve hub_read hub_write hub_audit hub_seq hub_admin hub_quarantine hub_owner; do
		printf 'hub %s %s\n' "$me" "$role"
		[ "$owner" = "$me" ] || printf 'hub %s %s\n' "$owner" "$role"
	done | as tee "$data/pg_ident.conf" >/dev/null
}

settings() {
	printf 'PGHOST=%s\nPGPORT=5432\nPGDATABASE=hub\nPGUSER=postgres\n' "$sock"
}

running() { [ -d "$data" ] && as "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }

case $action in
start)
	[ -d "$data" ] || make_cluster
	if ! running; then
		rm -rf "$sock" && mkdir -m 755 "$sock"
		[ "$owner" = "$me" ] || chown "$owner": "$sock"
		as "$bin/pg_ctl" -D "$data" -w -t 60 -l "$home/pg.log" start >/dev/null ||
			{ tail -5 "$home/pg.log" >&2; exit 1; }
	fi
	as "$bin/psql" -h "$sock" -U postgres -d postgres -qAtc "select 1 from pg_database where datname = 'hub'" | grep -q 1 ||
		as "$bin/createdb" -h "$sock" -U postgres hub
	settings
	;;
env) settings ;;
crash) if running; then as "$bin/pg_ctl" -D "$data" -w -m immediate stop >/dev/null; fi ;;
stop) if running; then as "$bin/pg_ctl" -D "$data" -w -m fast stop >/dev/null; rm -rf "$sock"; fi ;;
drop)
	if running; then as "$bin/pg_ctl" -D "$data" -w -m immediate stop >/dev/null; fi
	rm -rf "$data" "$sock"
	[ "$owner" = "$me" ] || rm -rf "$home"
	;;
*) echo "cluster.sh: unknown action $action" >&2; exit 2 ;;
esac
