#!/bin/bash
set -eu
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chown -R postgres "$PGDATA"
	chmod 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$BASH_SOURCE" "$@"
fi
[ -s "$PGDATA/PG_VERSION" ] || initdb --no-sync -A trust >/dev/null
[ "$1" != test ] || {
	pg_ctl -w -o "-c listen_addresses=" start >/dev/null
	psql -Atc "select 'rows: ' || count(*) from generate_series(1, 1000)" postgres
	pg_ctl -w -m fast stop >/dev/null
	exit
}
exec "$@"
