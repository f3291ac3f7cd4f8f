# Devices that are open or written are not removed, by the tool or by dmsetup,
# and what is refused takes nothing down; the module is not unloaded while a
# store is up, and is, and comes again, after the last is down.
# timeout: 60

mkdisk origin 16M
mkdisk store 64M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data b
smv activate data@a
hammer run state --threads 2 $dev & one=$!
hammer run state2 --threads 2 --seed 2 $dev@a & two=$!
wait_for 20 hammering state
wait_for 20 hammering state2
mustfail 'open|in use' snapmv deactivate s0/
mustfail 'open|in use' snapmv deactivate data
i=0
while [ $i -lt 5 ]; do
	! dmsetup remove s0-data 2>/dev/null || fail 's0-data was removed'
	! dmsetup remove s0-data@a 2>/dev/null || fail 's0-data@a was removed'
	! dmsetup remove s0 2>/dev/null || fail 's0 was removed'
	! rmmod dm-snap-mv 2>/dev/null || fail 'the module was unloaded'
	i=$((i + 1))
done
# Removed as soon as it is closed.
run dmsetup remove --deferred s0-data@a
hammer stop state
hammer stop state2
wait $one
wait $two
hammer mark state end >marks
hammer mark state2 end2 >>marks
all() { must hammer check --threads 2 --marks marks --before end --after end $dev; }
all_of_a() { must hammer check --threads 2 --seed 2 --marks marks --before end2 --after end2 $dev@a; }
wait_for 10 test ! -e $dev@a
all
smv activate data@a
all_of_a
smv deactivate data
# Snapshots work with the origin's device down.
all_of_a
smv activate data
! rmmod dm-snap-mv 2>/dev/null || fail 'the module was unloaded'
smv deactivate s0/
must rmmod dm-snap-mv
! snapmv activate "$store" 2>/dev/null || say 'the tool loads the module itself'
[ -d /sys/module/dm_snap_mv ] || must insmod /smv/dm-snap-mv.ko
smv activate "$store"
smv activate data@a data@b
all
all_of_a
# A load, and an end, again and again.
i=0
while [ $i -lt 3 ]; do
	stamp write $dev --tag $((i + 1)) & p=$!
	wait $p
	smv deactivate s0/
	must rmmod dm-snap-mv
	must insmod /smv/dm-snap-mv.ko
	smv activate "$store"
	must stamp check $dev --tag $((i + 1))
	i=$((i + 1))
done
