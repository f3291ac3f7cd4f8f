# On disks that have a command for zeroes (loop devices over an ext4) origin and snapshots have it, too. It touches no other device and no
# other sector; a snapshot's whole chunk then holds nothing in the store; it can be made durable.
# timeout: 60

verify()
{
	must stamp check $dev --map o.map
	must stamp check $dev@a --map a.map
	must stamp check $dev@aa --map aa.map
}

modprobe loop
mkdisk below 160M
run mkfs.ext4 -q "$below"
mkdir -p below.d
run mount "$below" below.d
truncate -s 16M below.d/origin
truncate -s 96M below.d/store
origin=$(losetup -f --show below.d/origin)
store=$(losetup -f --show below.d/store)
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data@a aa
smv activate data@a data@aa
cp o.map a.map
cp o.map aa.map
for name in s0-data s0-data@a; do
	cond "$(cat "/sys/block/$(kname /dev/mapper/$name)/queue/write_zeroes_max_bytes")" -gt 0
done

stamp zero $dev --map o.map --from 4000 --count 1000
stamp zero $dev --map o.map --random 10 --sectors 1-500
verify
used=$(field s0 data)
stamp write $dev@a --tag 3 --map a.map --from 2560 --count 2560
eq "$(field s0 data)" $((used + 20)) 'chunks used'
zeroes=$(field s0-data@a exceptions)
stamp zero $dev@a --map a.map --from 2560 --count 2560
eq "$(field s0-data@a exceptions)" "$zeroes" exceptions
verify
dmsetup message s0 0 sync
settle s0
eq "$(field s0 data)" "$used" 'chunks used after zeroes'
stamp zero $dev@aa --map aa.map --random 30 --sectors 1-700 --seed 3
verify
smv snapshot data@aa aaa
cp aa.map aaa.map
stamp zero $dev@aa --map aa.map --from 0 --count 20000
verify
snapshot_is s0 data@aaa aaa.map
commits=$(field s0 commits)
run fallocate -z -o 0 -l 1M $dev@a 2>/dev/null || :
stamp zero $dev@a --map a.map --from 0 --count 2560
run blockdev --flushbufs $dev@a
dmsetup message s0 0 sync
cond "$(field s0 commits)" -gt "$commits"
smv deactivate s0
smv activate "$store"
smv activate data@a data@aa
verify
smv deactivate s0
run snapmv check "$store"
forget_store "$store"
losetup -d "$origin"
losetup -d "$store"
run umount below.d
