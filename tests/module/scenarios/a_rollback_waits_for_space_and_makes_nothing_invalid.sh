# A rollback on a store that is too small to keep the state before: the mover
# waits, says so, and makes nothing invalid; the origin reads right meanwhile;
# a delete gives it room, and it goes on to its end.
# timeout: 90

mkdisk origin 16M
mkdisk store 24M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
dev=/dev/mapper/s0-data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
smv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map
smv snapshot data b
cp o.map b.map

smv rollback --undo before data@a
wait_for 30 is s0 full 1
eq "$(field s0-data rolling)" 1 rolling
must stamp check $dev --map a.map
for snapshot in a b before; do
	eq "$(json ".stores[0].volumes[] | select(.name == \"data@$snapshot\") | .invalid" list)" false
done
snapshot_is s0 data@b b.map
snapshot_is s0 data@before b.map
moved=$(field s0-data moved)
say "moved before the store was full: $moved"
cond "$moved" -lt 1024

# What is held for b and the undo point alone is not needed any more.
smv delete data@b data@before
wait_for 60 is s0-data rolling 0
settle s0
eq "$(field s0 full)" 0 full
eq "$(field s0 dropped)" 0 dropped
must stamp check $dev --map a.map
snapshot_is s0 data@a a.map
take_down
must stamp check "$origin" --map a.map
