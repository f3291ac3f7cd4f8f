# Low water, a full store, an invalid snapshot, the end of a rollback and of cleaning, and a store's
# failure: each wakes `dmsetup wait', shows in the status, and is in the log (the end of cleaning is not).
# timeout: 90

mkdisk origin 16M
mkdisk disk 8M
dm_make low "0 $(sectors "$disk") linear $disk 0"
smv format -c 16K -l s0 /dev/mapper/low
smv add /dev/mapper/low "$origin" data
smv activate /dev/mapper/low
dev=/dev/mapper/s0-data

expect()	# what is to come
{
	dmesg -c >/dev/null
	number=$(dmsetup info -c --noheadings -o events s0)
	timeout 60 dmsetup wait s0 "$number" & waiter=$!
}

came()	# [LOG]
{
	wait $waiter || fail "no event: $SMV_LAST"
	[ $# -eq 0 ] || dmesg | grep -E "snap-mv: .*$1" || {
		dmesg
		fail "not in the log: $1"
	}
}

smv snapshot data a
stamp write $dev --tag 1 --count 320
expect
smv rollback data@a
came 'rollback of data is done'
eq "$(field s0 rolling)" 0 rolling

smv delete data@undo-1
settle s0
smv snapshot data b
stamp write $dev --tag 2 --count 320
smv set s0/ throttle=pause
smv delete data@a data@b
expect
smv set s0/ throttle=0
came
eq "$(field s0 cleaning)" 0 cleaning

smv snapshot data c
eq "$(field s0 low)" 0 low
expect
stamp write $dev --tag 3 --count $((($(field s0 available) - 10) * 32))
came 'below the low-water mark'
eq "$(field s0 low)" 1 low

expect
stamp write $dev --tag 4
came 'store is full|data@c is invalid'
wait_for 20 is s0 full 1
wait_for 20 sh -c "dmesg | grep -q 'the store is full'"
wait_for 20 sh -c "dmesg | grep -q 'snapshot data@c is invalid'"

expect
dm_load low "0 $(sectors "$disk") error"
! snapmv set s0/ throttle=1 2>/dev/null || fail 'a setting of a store that fails'
came 'the store has failed'
eq "$(field s0 state)" failed state
must stamp check $dev --tag 4

smv deactivate s0
dm_load low "0 $(sectors "$disk") linear $disk 0"
