# The n-th allocation that the module makes during a command fails; for each n, until nothing
# fails any more. The command succeeds or is refused; the store stays in order, also over a
# restart; and what the sanitizers say fails the scenario as ever.
# kernels: uml
# timeout: 1200
# console: Call Trace:
#	vmalloc's warning that memory is short has one; no report of a bug consists of it alone

# Filled, so that the disks themselves need no memory any more: they would take it under
# the module's requests.
mkdisk origin 2M discard=0
mkdisk store 16M discard=0
for disk in "$origin" "$store"; do
	cat /dev/zero >"$disk" 2>/dev/null || sync "$disk"
done
dev=/dev/mapper/s0-data
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
quiet snapmv activate "$store"
quiet snapmv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random 30 --sectors 1-8

failslab=0 fail_page_alloc=0	# how many have failed

in_order()
{
	eq "$(field s0 state)" ok 'state of the store'
	must stamp check $dev --map o.map >/dev/null
}

# Down, checked, up: and what was there is there.
restart()
{
	quiet snapmv deactivate s0/
	quiet snapmv check "$store" || fail 'check complains'
	quiet snapmv activate "$store"
	in_order
	quiet snapmv activate data@a
	must stamp check $dev@a --map a.map >/dev/null
	quiet snapmv deactivate data@a
}

# each KIND BEFORE AFTER CMD...: CMD with each of its allocations failing in turn. BEFORE
# brings about the state that CMD needs, AFTER ends what it may have left. Past the 40th
# every seventh: they are pages of one large piece of memory.
each()
{
	ea_kind=$1 ea_before=$2 ea_after=$3 ea_n=0 ea_step=1 ea_count=0 ea_refused=0
	shift 3
	while :; do
		ea_n=$((ea_n + ea_step))
		[ $ea_n -lt 40 ] || ea_step=7
		$ea_before
		SMV_LAST="$ea_kind $ea_n: $*"
		fault_arm "$ea_kind" $ea_n
		ea_status=0
		"$@" >"$T/.out" 2>"$T/.err" || ea_status=$?
		fault_disarm
		[ $ea_status -le 1 ] || fail "exit $ea_status: $ea_kind $ea_n: $*"
		$ea_after
		[ $FAULT_HIT = yes ] || break
		ea_count=$((ea_count + 1)) ea_refused=$((ea_refused + ea_status))
	done
	[ $ea_status -eq 0 ] || fail "refused without a failure: $*: $(cat "$T/.err")"
	eval "$ea_kind=\$(($ea_kind + ea_count))"
	restart
	say "$ea_kind: $* : $ea_count failures, $ea_refused refused"
}

nothing() { :; }
down() { quiet snapmv deactivate -f s0/ >/dev/null 2>&1 || :; }
up() { active_stores | grep -q . && [ -e $dev ] || quiet snapmv activate "$store"; in_order; }
with_x() { quiet snapmv snapshot data x; }
no_x()
{
	snapmv delete data@x >/dev/null 2>&1 || snapmv delete data@y >/dev/null 2>&1 || :
	in_order
}

with_active_x()
{
	with_x
	quiet snapmv activate data@x
}

no_active_x()
{
	snapmv deactivate data@x >/dev/null 2>&1 || :
	no_x
}

# A write waits for memory; it is never refused for want of it.
write_one()	# DEVICE [ARGS of stamp...]
{
	stamp write "$@" --tag $((ea_n + 3)) --random 6 --sectors 1-40 --seed $ea_n
}

never_refused()
{
	eq $ea_refused 0 "writes refused for want of memory"
}

changed()
{
	stamp write $dev --tag 7 --map o.map --random 10 --sectors 1-8 --seed $ea_n >/dev/null
}

# What a rollback has moved is there; what was refused has changed nothing.
rolled()
{
	[ $ea_status -ne 0 ] || cp a.map o.map
	wait_for 60 is s0-data rolling 0
	in_order
	snapmv delete data@u >/dev/null 2>&1 || :
}

write_origin() { write_one $dev --map o.map; }
write_snapshot() { write_one $dev@x; }

each failslab nothing no_x snapmv snapshot -m memo data x
each failslab with_x no_x snapmv rename data@x y
each failslab with_x no_x snapmv delete data@x
each failslab with_x no_active_x snapmv activate data@x
each failslab with_active_x no_active_x snapmv deactivate data@x
each failslab with_x no_x write_origin
never_refused
each failslab with_active_x no_active_x write_snapshot
never_refused
each failslab changed rolled snapmv rollback --undo u data@a
each failslab down up snapmv activate "$store"
each failslab nothing up snapmv deactivate s0/
each fail_page_alloc with_x no_x write_origin
never_refused
cond $failslab -ge 1
cond $fail_page_alloc -ge 1
