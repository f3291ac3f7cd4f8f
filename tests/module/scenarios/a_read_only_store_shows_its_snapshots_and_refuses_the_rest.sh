# A store whose device is read-only: its snapshots are read, everything that would change it is refused, and nothing
# reaches the device; writable again it is what it was.
# timeout: 60

mkdisk origin 16M
mkdisk other 4M
mkdisk idle 4M
mkdisk store 32M
dev=/dev/mapper/s0-data
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv add "$store" "$idle" idle
smv activate "$store"
stamp write $dev --tag 1 --map data.map
smv snapshot data a
cp data.map a.map
stamp write $dev --tag 2 --map data.map --from 0 --count 32
stamp write $dev --tag 2 --map data.map --from 2000 --count 20000 --random 50
smv deactivate s0
sum=$(sumdev "$store")

blockdev --setro "$store"
ios "$store"
writes=$IO_W flushes=$IO_F
smv activate "$store"
eq "$(field s0 state)" read-only state
smv activate data@a
must stamp check $dev@a --map a.map
must stamp check $dev --map data.map
for command in 'snapshot data b' 'snapshot data@a b' 'rename data new' 'set s0 policy=hold' \
		'rollback -f data@a' "add $store $other more"; do
	# shellcheck disable=SC2086
	mustfail 'read-only' snapmv $command
done
! stamp write $dev@a --tag 3 --count 8 2>/dev/null || fail 'a snapshot was written'
# What the snapshot has may be overwritten, what would have to be kept for it may not.
stamp write $dev --tag 3 --map data.map --from 0 --count 32
! stamp write $dev --tag 3 --from 32000 --count 8 2>/dev/null || fail 'the origin lost what the snapshot needs'
must stamp check $dev@a --map a.map
must stamp check $dev --map data.map
smv deactivate data@a
mustfail 'read-only' snapmv delete data@a
# an origin that nothing but the device keeps
smv deactivate idle
mustfail 'read-only' snapmv remove idle
mustfail 'is active' snapmv erase "$store"
mustfail 'in use' snapmv erase -f "$store"
ios "$store"
eq "$IO_W $IO_F" "$writes $flushes" 'writes to the store, flushes'
smv deactivate s0
# while it is down, too (by the disk: the tool does not look)
mustfail 'read-only|could not write' snapmv remove -S "$store" idle
mustfail 'has 1 snapshots' snapmv erase "$store"
mustfail 'read-only|cannot be written' snapmv erase -f "$store"
mustfail 'read-only|could not write' snapmv delete -S "$store" data@a
ios "$store"
eq "$IO_W $IO_F" "$writes $flushes" 'writes to the store that is down, flushes'
eq "$(sumdev "$store")" "$sum" 'the store'

blockdev --setrw "$store"
# That the origin was written could not be recorded.
mustfail 'changed without the module' snapmv activate "$store"
smv activate -f "$store"
eq "$(field s0 state)" ok state
must stamp check $dev --map data.map
snapshot_is s0 data@a a.map
smv delete data@a
smv deactivate idle
smv remove idle
