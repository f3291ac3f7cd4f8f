# A large origin is rolled back: with background work paused every sector reads
# as the snapshot and nothing has moved; let go, writes during the move are kept;
# every other snapshot is unchanged; the undo point brings the former state back.
# timeout: 300
# memory: 2G

size=$(scaled 320 48)
mkdisk origin "${size}M"
mkdisk store $((size * 3))M
smv format -l s0 "$store"
smv add "$store" "$origin" data
dev=/dev/mapper/s0-data
pieces=$((size * 8))
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
smv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random $pieces --sectors 1-128
smv snapshot data b
cp o.map b.map
stamp write $dev --tag 3 --map o.map --random $((pieces / 2)) --sectors 1-128 \
	--seed 2
cp o.map undo.map

smv set s0/ throttle=pause
smv rollback --undo before data@a
cp a.map o.map
must stamp check $dev --map o.map
eq "$(field s0-data rolling)" 1 rolling
eq "$(field s0-data moved)" 0 'chunks moved'
eq "$(field s0-data 'done')" 0 'chunks done'
# The raw origin is what it was.
must stamp check "$origin" --map undo.map

# Writes move their chunks, and no others; a snapshot of now is of now.
stamp write $dev --tag 4 --map o.map --random 100 --sectors 1-9 --at border --seed 3
moved=$(field s0-data moved)
cond "$moved" -le 200
smv snapshot data during
cp o.map during.map
stamp write $dev --tag 5 --map o.map --random 100 --sectors 1-9 --seed 4
must stamp check $dev --map o.map --count $((size * 1024))

smv set s0/ throttle=0
stamp write $dev --tag 6 --map o.map --random 300 --sectors 1-20 --seed 5
moving=$(field s0-data rolling)
say "still moving after the writes: $moving"
wait_for 240 is s0-data rolling 0
must stamp check $dev --map o.map
cond "$(field s0 moves)" -gt $((pieces / 4))
for snapshot in a b during; do
	snapshot_is s0 data@$snapshot $snapshot.map
done
snapshot_is s0 data@before undo.map

# And back again, to the end, with the raw device plain afterwards.
smv rollback --wait --undo again data@before
must stamp check $dev --map undo.map
snapshot_is s0 data@again o.map
snapshot_is s0 data@a a.map
eq "$(field s0 dropped)" 0 dropped
take_down
must stamp check "$origin" --map undo.map
