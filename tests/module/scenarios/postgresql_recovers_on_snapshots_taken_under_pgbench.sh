# PostgreSQL under pgbench on an origin: second servers on a snapshot taken meanwhile, on a snapshot of that one, and on
# the origin after a rollback recover; the sums of accounts, tellers, branches and history agree, and so do all indexes.
# Twenty transactions a second: the store is for so many, on whatever machine.
# programs: /usr/lib/postgresql/15/bin/postgres /usr/lib/postgresql/15/bin/initdb /usr/lib/postgresql/15/bin/pg_ctl
# programs: /usr/lib/postgresql/15/bin/pgbench /usr/lib/postgresql/15/bin/psql /usr/lib/postgresql/15/bin/pg_amcheck
# programs: /usr/lib/postgresql/15/lib/plpgsql.so /usr/lib/postgresql/15/lib/dict_snowball.so
# programs: /usr/lib/postgresql/15/lib/amcheck.so
# trees: /usr/share/postgresql/15
# memory: 2G
# timeout: 400
# long

PATH=/usr/lib/postgresql/15/bin:$PATH
dev=/dev/mapper/s0-data
mkdisk origin 320M
mkdisk store 400M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mkfs ext4 $dev
mnt $dev data
echo 'postgres:x:70:70::/:/bin/sh' >>/etc/passwd
mkdir /mnt/data/pg
chown 70:70 /mnt/data/pg
chmod 777 "$T"

as_postgres()
{
	setpriv --reuid 70 --regid 70 --clear-groups "$@"
}

# server DIR PORT start|stop
server()
{
	quiet as_postgres pg_ctl -w -t 200 -D "/mnt/$1/pg" -l "$T/log.$1" -o "-p $2 -k $T" "$3" || {
		cat "$T/log.$1"
		fail "$3 of the server on $1"
	}
}

ask()	# PORT QUERY
{
	psql -h "$T" -p "$1" -U postgres -AtX -c "$2" bench
}

# sums PORT: the four agree; SUM and ROWS
sums()
{
	# At one point: who lost its client may still be committing.
	# shellcheck disable=SC2046
	set -- "$1" $(ask "$1" "SELECT concat_ws(' ',
		(SELECT SUM(abalance) FROM pgbench_accounts),
		(SELECT SUM(tbalance) FROM pgbench_tellers),
		(SELECT SUM(bbalance) FROM pgbench_branches),
		(SELECT COALESCE(SUM(delta), 0) FROM pgbench_history),
		(SELECT COUNT(*) FROM pgbench_history))")
	SUM=$2 ROWS=$6
	eq "$3/$4/$5" "$SUM/$SUM/$SUM" 'sums of tellers, branches and history'
	say "port $1: sum $SUM, $ROWS transactions"
}

has_rows()	# N
{
	[ "$(ask 5400 'SELECT COUNT(*) FROM pgbench_history')" -ge "$1" ]
}

# opened VOLUME DIR PORT ROWS: a server on it recovers and has at least so many transactions.
opened()
{
	smv activate "$1"
	mnt "/dev/mapper/s0-$1" "$2"
	rm "/mnt/$2/pg/postmaster.pid"
	server "$2" "$3" start
	grep -q 'automatic recovery in progress' "$T/log.$2" || fail "no recovery on $2"
	sums "$3"
	cond "$ROWS" -ge "$4"
	must pg_amcheck -h "$T" -p "$3" -U postgres --heapallindexed bench
}

say initdb
quiet as_postgres initdb -D /mnt/data/pg -U postgres -A trust --no-locale -E UTF8 -k
cat >>/mnt/data/pg/postgresql.conf <<EOF
listen_addresses = ''
max_connections = 10
shared_buffers = 16MB
max_wal_size = 64MB
min_wal_size = 32MB
checkpoint_timeout = 30s
jit = off
EOF
server data 5400 start
quiet psql -h "$T" -p 5400 -U postgres -c 'CREATE DATABASE bench' postgres
quiet psql -h "$T" -p 5400 -U postgres -c 'CREATE EXTENSION amcheck' bench
quiet pgbench -h "$T" -p 5400 -U postgres -i -q -s 2 bench
pgbench -h "$T" -p 5400 -U postgres -c 4 -j 1 -n -R 20 -T 100000 bench >"$T/bench.log" 2>&1 & bench=$!

for i in 1 2 3; do
	wait_for 200 has_rows $((i * 100))
	smv snapshot data s$i
done
opened data@s2 s2 5402 200
# written by its own server, and a snapshot of that, under load
quiet pgbench -h "$T" -p 5402 -U postgres -c 2 -n -t 50 bench
pgbench -h "$T" -p 5402 -U postgres -c 2 -n -R 20 -T 100000 bench >"$T/bench2.log" 2>&1 & bench2=$!
smv snapshot data@s2 again
kill $bench2 || :
wait $bench2 || :
opened data@again again 5403 300
opened data@s3 s3 5404 300
sums 5402

kill $bench || :
wait $bench || :
sums 5400
cond "$ROWS" -ge 300
close_down()	# DIR PORT; pg_ctl waits for the server's file to go, not for its end
{
	server "$1" "$2" stop
	wait_for 20 umount "/mnt/$1"
}

for dir in data:5400 s2:5402 again:5403 s3:5404; do
	close_down ${dir%:*} ${dir#*:}
done
smv deactivate data@s2 data@s3 data@again
smv rollback data@s1
mnt $dev data
rm -f /mnt/data/pg/postmaster.pid
server data 5400 start
sums 5400
cond "$ROWS" -ge 100
must pg_amcheck -h "$T" -p 5400 -U postgres --heapallindexed bench
quiet pgbench -h "$T" -p 5400 -U postgres -c 2 -n -t 20 bench
sums 5400
close_down data 5400
fsck $dev
eq "$(field s0 dropped)" 0 dropped
