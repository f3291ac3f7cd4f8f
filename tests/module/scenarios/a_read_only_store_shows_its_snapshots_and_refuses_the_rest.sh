# A store whose device is read-only: its snapshots are read, everything that would change it is refused, and nothing
# reaches the device; writable again it is what it was.
# timeout: 60

mkdisk origin 16M
mkdisk store 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1 --map a.map
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2 --map data.map --random 50
smv deactivate s0
sum=$(sumdev "$store")

blockdev --setro "$store"
ios "$store"
writes=$IO_W
smv activate "$store"
eq "$(field s0 state)" read-only state
smv activate data@a
must stamp check /dev/mapper/s0-data@a --map a.map
must stamp check /dev/mapper/s0-data --map data.map
for command in 'snapshot data b' 'delete data@a' 'rename data new' 'set s0 policy=hold' 'rollback -f data@a'; do
	# shellcheck disable=SC2086
	mustfail 'read-only|active' snapmv $command
done
! stamp write /dev/mapper/s0-data@a --tag 3 2>/dev/null || fail 'a snapshot was written'
# a chunk that the snapshot has already may be written, one that would have to be kept may not
! stamp write /dev/mapper/s0-data --tag 3 2>/dev/null || fail 'the origin lost what the snapshot needs'
must stamp check /dev/mapper/s0-data@a --map a.map
ios "$store"
eq "$IO_W" "$writes" 'writes to the store'
smv deactivate s0
blockdev --setrw "$store"
eq "$(sumdev "$store")" "$sum" 'the store'
smv activate -f "$store"
snapshot_is s0 data@a a.map
