# SQLite moves amounts between accounts on a mounted origin, one process all the time, its log never closed; on snapshots taken
# meanwhile, on one of such a snapshot taken while its own database is written, and after a rollback, its integrity check
# passes, the sum of all accounts is what it always is, and of the moves none that had ended is missing and none is to come.
# programs: sqlite3
# timeout: 300
# long

mkdisk origin 64M
mkdisk store 128M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mkfs ext4 /dev/mapper/s0-data
mnt /dev/mapper/s0-data data
sqlite3 /mnt/data/bank.db 'PRAGMA journal_mode=WAL; CREATE TABLE moves(n INTEGER); INSERT INTO moves VALUES(0);
	CREATE TABLE account(id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
	INSERT INTO account SELECT i, 100, hex(randomblob(100)) FROM n;'

# ask FILE SQL
ask()
{
	sqlite3 -cmd '.timeout 20000' "$1" "$2"
}

# moves DIR: how many have ended
moves()
{
	ask "/mnt/$1/bank.db" 'SELECT n FROM moves'
}

moved()	# DIR N, for wait_for
{
	[ "$(moves "$1")" -ge "$2" ]
}

# whole DIR: the database there
whole()
{
	eq "$(ask "/mnt/$1/bank.db" 'PRAGMA integrity_check')" ok "integrity on $1"
	eq "$(ask "/mnt/$1/bank.db" 'SELECT SUM(amount) FROM account')" 200000 "sum on $1"
}

# transfers DIR: what one sqlite3 gets through its pipe, until the file DIR.stop is there
transfers()
{
	echo 'PRAGMA wal_autocheckpoint=1000; PRAGMA synchronous=FULL;'
	while [ ! -e "$T/$1.stop" ]; do
		rnd from 2000
		rnd to 2000
		echo "BEGIN IMMEDIATE;
			UPDATE account SET amount = amount - 7, note = hex(randomblob(100)) WHERE id = $from + 1;
			UPDATE account SET amount = amount + 7, note = hex(randomblob(100)) WHERE id = $to + 1;
			UPDATE moves SET n = n + 1;
			COMMIT;"
	done
}

# start DIR: its database is written from now on, by $client
start()
{
	transfers "$1" | sqlite3 -batch -bail -cmd '.timeout 20000' "/mnt/$1/bank.db" >"$1.out" 2>&1 &
	client=$!
}

# taken VOLUME NEW DIR: a snapshot while the database in DIR, on VOLUME, is written
taken()
{
	moves "$3" >"$2.least"
	smv snapshot "$1" "$2"
	moves "$3" >"$2.most"
	cond "$(cat "$2.least")" -ge 1
}

# recovered NEW: the database on that snapshot, its log first looked at and then replayed by whoever opens it
recovering=0
recovered()
{
	smv activate "data@$1"
	mnt "/dev/mapper/s0-data@$1" "$1"
	[ -s "/mnt/$1/bank.db-wal" ] || fail "$1 has no log to replay"
	cp "/mnt/$1/bank.db" alone.db
	alone=$(ask alone.db 'SELECT n FROM moves' 2>/dev/null) || alone=-1
	rm -f alone.db*
	whole "$1"
	n=$(moves "$1")
	say "$1: $n moves, $alone without its log, of $(cat "$1.least") to $(cat "$1.most")"
	cond "$n" -ge "$(cat "$1.least")"
	cond "$n" -le "$(cat "$1.most")"
	[ "$alone" = "$n" ] || recovering=$((recovering + 1))
}

start data
busy=$client
for i in 1 2 3; do
	wait_for 120 moved data $((i * $(scaled 300 30)))
	taken data "s$i" data
done
wait_for 120 moved data $(($(cat s3.most) + 10))
# one of them is written, and a snapshot taken of it, while the origin goes on being written
recovered s1
before=$(moves s1)
start s1
wait_for 120 moved s1 $((before + $(scaled 300 30)))
taken data@s1 again s1
wait_for 120 moved s1 $(($(cat again.most) + 10))
! has_ended $busy || fail 'the client of the origin has ended'
touch "$T/s1.stop"
wait $client || fail "the client of s1: $(cat s1.out)"
touch "$T/data.stop"
wait $busy || fail "the client of the origin: $(cat data.out)"
whole data
whole s1
for i in s2 s3 again; do
	recovered $i
done
# who opened one of them has changed none of the others
whole s1
last=$(moves s1)
say "$recovering of 4 had to be recovered"
cond $recovering -ge 1
for dir in again s1 s2 s3 data; do
	unmnt $dir
done
for i in s1 s2 s3 again; do
	smv deactivate "data@$i"
done
smv rollback --wait data@s1
mnt /dev/mapper/s0-data data
whole data
eq "$(moves data)" "$last" 'moves after the rollback'
