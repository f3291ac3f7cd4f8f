# In mid-rollback the store becomes slow, then fails, then is back: nothing that is not moved reads as the former data,
# and after the next activation the move goes on and ends with each volume what it should be.
# timeout: 120

mkdisk origin 16M
mkdisk disk 64M
fine="0 131072 linear $disk 0"
dm_make store "$fine"
store=/dev/mapper/store
dev=/dev/mapper/s0-data
stamp write "$origin" --tag 1 --map a.map
smv format -c 16K -l s0 $store
smv add $store "$origin" data
smv activate $store
smv snapshot data a
stamp write $dev --tag 2 --map b.map
smv snapshot data b
smv set s0 throttle=pause
smv rollback --undo u data@a
stamp write $dev --tag 3 --from 0 --count 64 --sync

# Slow: the move goes on, at its pace.
dm_load store "0 131072 delay $disk 0 2"
moves_on()
{
	[ "$(field s0-data moved)" -ge "$1" ]
}
smv set s0 throttle=1
wait_for 60 moves_on 20
must stamp check $dev --tag 3 --from 0 --count 64
must stamp check $dev --tag 1 --from 64 --count 512
must stamp check $dev --tag 1 --from 32000

# Failing: what cannot be read is an error, and nothing reads as the former data.
still_moving()
{
	must stamp check $dev --tag 1 --or-from 3 --readable
	! dd if=$dev of=/dev/null bs=64k iflag=direct 2>/dev/null || fail 'chunks not yet moved can be read'
	cond "$(field s0-data moved)" -lt 900
}
dm_load store '0 131072 error'
still_moving
mustfail 'a device or the store failed' snapmv set s0 low-water=50%
eq "$(field s0 state)" failed state
still_moving
! stamp write $dev --tag 9 --from 32000 --count 8 2>/dev/null || fail 'a chunk not yet moved was written'
say "moved before: $(field s0-data moved)"
smv deactivate -f s0

# Back: the rest is moved.
dm_load store "$fine"
check_store $store
smv activate $store
wait_for 60 is s0-data rolling 0
must stamp check $dev --tag 3 --from 0 --count 64
must stamp check $dev --tag 1 --from 64
must stamp check "$origin" --tag 1 --from 64
snapshot_is s0 data@a a.map
snapshot_is s0 data@b b.map
snapshot_is s0 data@u b.map
eq "$(field s0 dropped)" 0 dropped
