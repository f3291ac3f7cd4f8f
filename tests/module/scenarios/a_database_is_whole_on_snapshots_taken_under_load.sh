# SQLite moves amounts between accounts on a mounted origin; on snapshots taken meanwhile, on a snapshot of one of
# them, and after a rollback, its integrity check passes and the sum of all accounts is what it always is.
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
db=/mnt/data/bank.db
sqlite3 $db 'PRAGMA journal_mode=WAL; CREATE TABLE account(id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
	INSERT INTO account SELECT i, 100, hex(randomblob(100)) FROM n;'

# whole DIR: the database there
whole()
{
	eq "$(sqlite3 "/mnt/$1/bank.db" 'PRAGMA integrity_check')" ok "integrity on $1"
	eq "$(sqlite3 "/mnt/$1/bank.db" 'SELECT SUM(amount) FROM account')" 200000 "sum on $1"
}

transfer()
{
	while [ ! -e "$T/stop" ]; do
		rnd from 2000
		rnd to 2000
		sqlite3 $db "BEGIN IMMEDIATE;
			UPDATE account SET amount = amount - 7, note = hex(randomblob(100)) WHERE id = $from + 1;
			UPDATE account SET amount = amount + 7, note = hex(randomblob(100)) WHERE id = $to + 1;
			COMMIT;"
		echo x >>"$T/done"
	done
}

done_more() { [ "$(wc -l <"$T/done")" -ge "$1" ]; }

: >"$T/done"
transfer & pid=$!
for i in 1 2 3; do
	wait_for 120 done_more $((i * 10))
	smv snapshot data "s$i"
done
wait_for 120 done_more 40
touch "$T/stop"
wait $pid
whole data
for i in 1 2 3; do
	smv activate "data@s$i"
	mnt "/dev/mapper/s0-data@s$i" "s$i"
	whole "s$i"
done
# written on a snapshot, and a snapshot of that
sqlite3 /mnt/s2/bank.db 'UPDATE account SET amount = amount + 1 WHERE id = 1; UPDATE account SET amount = amount - 1 WHERE id = 2'
smv snapshot data@s2 again
smv activate data@again
mnt '/dev/mapper/s0-data@again' again
whole again
whole s2
for dir in again s1 s2 s3 data; do
	unmnt $dir
done
for i in 1 2 3; do
	smv deactivate "data@s$i"
done
smv deactivate data@again
smv rollback --wait data@s1
mnt /dev/mapper/s0-data data
whole data
