# The store fills while the origin is written and read by many threads and has
# snapshots: no read is wrong and no write fails; deletes bring space and
# service back, and then snapshots are whole again.
# timeout: 90

mkdisk origin 24M
mkdisk store 12M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a0
smv snapshot data a1
smv snapshot data a2
smv snapshot data@a1 a3
nice -n 15 overlap --time 1000000 --threads 4 $dev >overlap.out 2>&1 & load=$!
wait_for 60 is s0 full 1
invalid()
{
	[ "$(snapmv list | grep -c invalid)" -ge "$1" ]
}
wait_for 60 invalid 4
smv delete --wait data@a0 data@a1
smv delete --wait data@a2
kill -0 $load || { cat overlap.out; fail 'the load has ended'; }
smv delete --wait data@a3
kill $load
wait $load || :
[ ! -s overlap.out ] || { cat overlap.out; fail 'overlap found something'; }
eq "$(field s0 data)" 0 'chunks used'
eq "$(field s0 full)" 0 full
stamp write $dev --tag 1 --map o.map
smv snapshot data b
cp o.map b.map
stamp write $dev --tag 2 --map o.map --random 200 --sectors 1-30
overlap --threads 3 --count 200 --from 8192 --span 2048 --map o.map $dev
must stamp check $dev --map o.map
snapshot_is s0 data@b b.map
take_down
must stamp check "$origin" --map o.map
