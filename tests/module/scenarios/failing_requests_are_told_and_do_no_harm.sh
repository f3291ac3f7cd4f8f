# The n-th request to the store's disk, then to the origin's, fails during commands and
# writes, for each n until nothing fails any more. What fails says so; the origin goes on;
# after a restart the store is in order and every snapshot that nothing was taken from holds
# what it held.
# kernels: uml
# timeout: 1200
# console: Buffer I/O error

mkdisk origin 2M
mkdisk store 16M
dev=/dev/mapper/s0-data

# A store from the beginning, with a snapshot to lose.
afresh()
{
	down
	quiet snapmv format -f -c 16K -l s0 "$store"
	quiet snapmv add "$store" "$origin" data
	stamp write "$origin" --tag 1 --map o.map
	quiet snapmv activate "$store"
	quiet snapmv snapshot data a
	cp o.map a.map
	stamp write $dev --tag 2 --map o.map --random 20 --sectors 1-8
	quiet snapmv snapshot data x
	cp o.map x.map
}

down() { snapmv deactivate -f s0/ >/dev/null 2>&1 || :; }

# As after a reboot: a store that has failed while its origin was written may be suspect.
restart()
{
	re_failed=$(field s0 state 2>/dev/null) || re_failed=down
	down
	[ -z "$(active_stores)" ] || fail 'the store stays'
	quiet snapmv check "$store" || fail 'check complains'
	quiet snapmv activate "$store" || quiet snapmv activate -f "$store"
	eq "$(field s0 state)" ok 'state of the store'
	wait_for 60 is s0-data rolling 0
}

# each DISK CHECK CMD...: CMD with each of DISK's requests failing in turn.
each()
{
	ea_disk=$1 ea_check=$2 ea_n=0 ea_count=0 ea_told=0
	shift 2
	fault_disk "$ea_disk" on
	while :; do
		ea_n=$((ea_n + 1))
		afresh
		SMV_LAST="request $ea_n of $ea_disk: $*"
		fault_arm fail_make_request $ea_n
		ea_status=0
		"$@" >"$T/.out" 2>"$T/.err" || ea_status=$?
		fault_disarm
		restart
		$ea_check
		[ $FAULT_HIT = yes ] || break
		ea_count=$((ea_count + 1))
		[ $ea_status -eq 0 ] || ea_told=$((ea_told + 1))
	done
	fault_disk "$ea_disk" off
	[ $ea_status -eq 0 ] || fail "fails without a failure: $*: $(cat "$T/.err")"
	say "$ea_disk: $* : $ea_count failures, $ea_told told"
}

holds()	# SNAPSHOT MAP
{
	quiet snapmv activate "data@$1"
	must stamp check "$dev@$1" --map "$2" >/dev/null
	quiet snapmv deactivate "data@$1"
}

origin_and_snapshots()
{
	must stamp check $dev --map o.map >/dev/null
	holds a a.map
	[ "$(json '[.. | .name? // empty] | index("data@x") != null' list data)" != true ] || holds x x.map
}

# The store has failed or the write was told: the origin holds the old or the new.
origin_only()
{
	[ $ea_status -ne 0 ] || must stamp check $dev --map o.map >/dev/null
	[ "$re_failed" = failed ] || [ $ea_status -ne 0 ] || holds a a.map
}

write_some() { stamp write $dev --tag 3 --map o.map --random 6 --sectors 1-40 --seed 3; }
checkpoint()
{
	dmsetup message s0 0 checkpoint
	snapmv deactivate s0/
}
roll()
{
	snapmv rollback --wait --no-undo data@a || return 1
	cp a.map o.map
}
rolled()
{
	[ $ea_status -ne 0 ] || must stamp check $dev --map a.map >/dev/null
	holds a a.map
}
delete() { snapmv delete --wait data@x; }

for disk in "$store" "$origin"; do
	each "$disk" origin_and_snapshots snapmv snapshot data y
	each "$disk" origin_and_snapshots delete
	each "$disk" origin_and_snapshots checkpoint
	each "$disk" origin_only write_some
	each "$disk" rolled roll
done
