# The store's device fails in mid-run: the origin goes on, snapshots read as
# errors, the state and an event say so, commands are refused; then everything
# comes down, and the origin's device holds all that was written.
# timeout: 90

mkdisk origin 16M
mkdisk disk 64M
dm_make store "0 131072 linear $disk 0"
store=/dev/mapper/store
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 $store
smv add $store "$origin" data
smv activate $store
dev=/dev/mapper/s0-data
smv snapshot data a
smv activate data@a
stamp write $dev --tag 2 --map o.map --random 200 --sectors 1-64 --seed 2
must stamp check $dev@a --tag 1
eq "$(field s0 state)" ok state

stamp write $dev --tag 3 --map o.map --io 64K & writer=$!
dm_load store '0 131072 error'
wait $writer || fail 'the origin did not go on'
is_failed()
{
	# Something has to find out: no write does, if all had been preserved by then.
	stamp write $dev --tag 3 --map o.map --random 10 --seed 3
	dmsetup message s0 0 checkpoint 2>/dev/null || :
	[ "$(field s0 state)" = failed ]
}
wait_for 20 is_failed
stamp write $dev --tag 4 --map o.map --random 100 --sectors 1-64 --seed 4
must stamp check $dev --map o.map
dd if=$dev@a of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null && fail 'a snapshot of a failed store reads'
eq "$(field s0-data@a state)" failed 'state of the snapshot'
cond "$(field s0 events)" -ge 1
mustfail 'a device or the store failed' snapmv snapshot data b
smv deactivate s0
must stamp check "$origin" --map o.map
forget_store $store
