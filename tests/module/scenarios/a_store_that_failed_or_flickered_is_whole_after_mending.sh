# In mid-run the store's device is exchanged for one that fails, one that fails now and then, and one that does not
# write: errors are told, what needs no copy goes on, and after the device is mended every snapshot is what it was.
# timeout: 150

mkdisk origin 16M
mkdisk disk 64M
fine="0 131072 linear $disk 0"
dm_make store "$fine"
store=/dev/mapper/store
dev=/dev/mapper/s0-data
stamp write "$origin" --tag 1 --map data.map
cp data.map first.map
cp data.map w.map
smv format -c 16K -l s0 $store
smv add $store "$origin" data
smv activate $store
smv snapshot data first
smv snapshot data w
taken=first

load_until_failed()
{
	stamp write $dev@w --tag $((100 + round)) --random 40 --sectors 1-40 --sync --seed "$tries" 2>/dev/null ||
		told=$((told + 1))
	must stamp write $dev --tag $((10 + round)) --map data.map --count 16384 --random 10
	dmsetup message s0 0 set low-water=$((100 + tries)) 2>/dev/null || :
	tries=$((tries + 1))
	[ "$(field s0 state)" = failed ]
}

while_failed()
{
	! stamp write $dev@w --tag $((100 + round)) --random 1 --sync 2>/dev/null ||
		fail 'a snapshot can be written'
	cond "$(field s0 events)" -ge 1
	[ "$(field s0 reason)" != % ] || fail 'no reason'
	! dd if=$dev@first of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || fail 'a snapshot can be read'
	eq "$(field s0-data@w state)" failed 'state of a snapshot'
	mustfail 'a device or the store failed' snapmv snapshot data no
	must stamp check $dev --map data.map
}

round=0
for trouble in error "flakey $disk 0 1 1" "flakey $disk 0 0 9 1 error_writes"; do
	round=$((round + 1))
	tries=0 told=0
	smv snapshot data "s$round"
	cp data.map "s$round.map"
	taken="$taken s$round"
	stamp write $dev --tag $round --map data.map --count 16384
	smv activate data@first data@w
	dm_load store "0 131072 $trouble"
	wait_for 60 load_until_failed
	say "failed in try $tries, $told writes to the snapshot with an error"
	while_failed

	smv deactivate -f s0/
	dm_load store "$fine"
	check_store $store
	snapmv activate $store || smv activate -f $store
	smv activate data@w
	must stamp check $dev@w --map w.map --or-from 100
	must stamp check $dev --map data.map
	for name in $taken; do
		snapshot_is s0 "data@$name" "$name.map"
	done
done
smv snapshot data after
cp data.map after.map
stamp write $dev --tag 50 --map data.map --random 200
snapshot_is s0 data@after after.map
