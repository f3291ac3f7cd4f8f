# Discards and writes of zeroes, of whole chunks, parts and the last partial
# chunk, on origin and snapshots: no other device and no other sector changes; a
# snapshot's whole chunk reads as zeroes afterwards and its space comes back. The
# same during a rollback.
# timeout: 60

mkdisk origin 16421s
mkdisk store 96M
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data@a aa
smv snapshot data@a keep
smv activate data@a data@aa data@keep
for map in a aa keep; do
	cp o.map $map.map
done
verify()
{
	must stamp check $dev --map o.map
	for volume; do
		must stamp check $dev@"$volume" --map "$volume".map
	done
}

# On the origin: unpreserved chunks need not change, and nothing is copied.
used=$(field s0 data)
stamp discard $dev --map o.map --from 1280 --count 2560
stamp discard $dev --map o.map --from 16384
eq "$(field s0 data)" "$used" 'chunks used by a discard on the origin'
verify a aa keep
# Zeroes are a write.
stamp zero $dev --map o.map --from 4000 --count 1000
stamp zero $dev --map o.map --from 16410
verify a aa keep
stamp write $dev --tag 2 --map o.map --from 1280 --count 1280
stamp discard $dev --map o.map --random 20 --sectors 1-500
verify a aa keep

# On snapshots: whole chunks are zeroes.
used=$(field s0 data)
stamp write $dev@a --tag 3 --map a.map --from 2560 --count 2560
eq "$(field s0 data)" $((used + 20)) 'chunks used'
stamp discard $dev@a --tag 0 --map a.map --from 2560 --count 1280
stamp zero $dev@a --map a.map --from 3840 --count 1280
verify a aa keep
dmsetup message s0 0 sync
settle s0
# Zeroes are written out if the disks below have no command for them.
zeroes=$(cat "/sys/block/$(kname $dev@a)/queue/write_zeroes_max_bytes")
eq "$(field s0 data)" $((used + (zeroes ? 0 : 10))) 'chunks used after the discard'
stamp discard $dev@aa --tag 0 --map aa.map --from 0 --count 1280
stamp discard $dev@aa --map aa.map --random 30 --sectors 1-500 --seed 2
stamp discard $dev@aa --map aa.map --from 16390
stamp zero $dev@aa --map aa.map --random 30 --sectors 1-500 --seed 3
verify a aa keep
# A discarded chunk that is written in part.
stamp write $dev@aa --tag 4 --map aa.map --from 130 --count 3
smv snapshot data@aa aaa
cp aa.map aaa.map
stamp discard $dev@aa --tag 0 --map aa.map --from 0 --count 1280
snapshot_is s0 data@aaa aaa.map
verify a aa keep
# Past the end: blkdiscard stops there.
blkdiscard -o $((16384 * 512)) -l 1048576 $dev@aa
stamp discard $dev@aa --map aa.map --from 16384
verify a keep aa

# A rollback: pending chunks do not lose their data to a discard.
smv deactivate data@a data@aa data@keep
smv set s0/ throttle=pause
smv rollback --undo undo data@keep
cp o.map undo.map
cp keep.map o.map
stamp discard $dev --map o.map --from 3000 --count 1000
stamp zero $dev --map o.map --from 1500 --count 300
must stamp check $dev --map o.map
smv set s0/ throttle=0
wait_for 30 is s0-data rolling 0
must stamp check $dev --map o.map
for volume in a aa keep aaa undo; do
	snapshot_is s0 data@$volume $volume.map
done
take_down
must stamp check "$origin" --map o.map
