# While the origin is suspended, with and without writes waiting behind it,
# snapshots are taken, activated, read, written and taken down; nothing hangs.
# timeout: 40

mkdisk origin 8M
mkdisk store 32M
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random 100 --sectors 1-30
for noflush in '' --noflush; do
	run dmsetup suspend $noflush s0-data
	stamp write $dev --tag 3 --map o.map --from 100 --count 1000 & writer=$!
	must timeout 20 snapmv activate data@a
	must timeout 20 stamp check $dev@a --map a.map
	must timeout 20 stamp write $dev@a --tag 4 --map a.map --random 50 --sectors 1-30
	must timeout 20 stamp check $dev@a --map a.map
	must timeout 20 snapmv list
	must timeout 20 snapmv snapshot data@a "of${noflush#--}"
	must timeout 20 snapmv deactivate data@a
	kill -0 $writer || fail 'the suspended origin took a write'
	run dmsetup resume s0-data
	wait $writer
	must stamp check $dev --map o.map
	snapshot_is s0 data@a a.map
done
