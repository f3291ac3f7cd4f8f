# The n-th request that a command or a write makes of the disks fails, once or each n-th of them,
# for each n until none fails any more: it succeeds or says that it did not; no snapshot reads as
# anything but itself; after the disks are back the store checks clean, comes up, and holds what it
# held before, with or without what was asked for. (Beside it, any_request_below_may_fail... has
# all of them in one workload, and takes samples.)
# kernels: uml
# long
# timeout: 1800

mkdisk origin 1M
mkdisk more 1M
mkdisk store 8M
dev=/dev/mapper/s0-data

# Origin: tag 1, then 2 here and there; a: all of it 1; w: written itself, 9 here and there.
fresh()
{
	rm -f ./*.map
	quiet stamp write "$origin" --tag 1 --map o.map --sync
	cp o.map a.map
	cp o.map w.map
	quiet snapmv format -f -c 16K -l s0 "$store"
	quiet snapmv add "$store" "$origin" data
	quiet snapmv activate "$store"
	quiet snapmv snapshot data a
	quiet snapmv snapshot data w
	quiet stamp write $dev --tag 2 --map o.map --random 8 --sectors 1-40 --sync
	quiet snapmv activate data@a data@w
	quiet stamp write $dev@w --tag 9 --map w.map --random 4 --sectors 1-40 --seed 2 --sync
}

# What may be there besides, by the command: nothing, tags of this write, the other volume.
also()	# VOLUME
{
	case $command$1 in
	write_origin) echo '--or-from 3' ;;
	write_origin@*) [ -z "$failed" ] || echo '--or-from 3' ;;
	write_snapshot@w) echo '--or-from 10' ;;
	roll_back) echo '--or-map a.map' ;;
	esac
}

each_is_itself()	# [--readable]
{
	# shellcheck disable=SC2046
	must stamp check $dev --map o.was $(also "") "$@" >/dev/null
	# shellcheck disable=SC2046
	must stamp check $dev@a --map a.map $(also @a) "$@" >/dev/null
	[ "$command" != delete_it ] || return 0
	# shellcheck disable=SC2046
	must stamp check $dev@w --map w.was $(also @w) "$@" >/dev/null
}

# As it is: what can be read is right.
judge_up()
{
	failed='' readable=''
	[ -e /dev/mapper/s0 ] || return 0
	[ "$(field s0 state)" = ok ] || failed=yes
	[ "$(field s0 lost)" = 0 ] || readable=--readable
	[ ! -e $dev ] || [ ! -e $dev@a ] || [ ! -e $dev@w ] || each_is_itself --readable
}

is_clean()
{
	snapmv check "$store" >out 2>&1 || fail "check complains: $(cat out)"
}

# Down and up again, the disks being well. What is lost cannot be moved.
judge_again()
{
	quiet snapmv deactivate -f s0/ || [ ! -e /dev/mapper/s0 ]
	is_clean
	snapmv activate "$store" >out 2>&1 || must snapmv activate -f "$store"
	quiet snapmv activate data@a
	[ "$command" = delete_it ] || quiet snapmv activate data@w
	[ -n "$readable" ] || wait_for 60 is s0-data rolling 0
	# shellcheck disable=SC2086
	each_is_itself $readable
	[ "$command" != roll_back ] || [ -n "$readable" ] || stamp check $dev --map a.map >/dev/null ||
		must stamp check $dev --map o.was >/dev/null
	quiet snapmv deactivate -f s0/
	is_clean
}

one()	# N TIMES
{
	fresh
	cp o.map o.was
	cp w.map w.was
	! command -v before_$command >/dev/null || before_$command
	for disk in "$origin" "$store"; do fault_disk "$disk" on; done
	SMV_LAST="$command, request $1, $2 times"
	status=0
	fault_arm fail_make_request "$1" "$2"
	$command >out 2>err || status=$?
	fault_disarm
	for disk in "$origin" "$store"; do fault_disk "$disk" off; done
	[ $status -le 1 ] || fail "exit $status: $(cat out err)"
	[ $status -eq 0 ] || [ -s err ] || fail "refused without a word: $SMV_LAST"
	judge_up
	judge_again
}

each()	# COMMAND
{
	command=$1 count=0 refused=0
	for times in 1 1000000; do
		n=0
		while n=$((n + 1)) && one $n $times && [ $FAULT_HIT = yes ]; do
			count=$((count + 1)) refused=$((refused + status))
		done
		[ $status -eq 0 ] || fail "refused without a failure: $(cat err)"
		[ $n -gt 1 ] || fail 'no request failed'
	done
	say "$command: $count failures, refused in $refused cases"
}

write_origin()
{
	stamp write $dev --tag 3 --map o.map --random 6 --sectors 1-40 --seed 3 --sync
}

write_snapshot()
{
	stamp write $dev@w --tag 10 --map w.map --random 6 --sectors 1-40 --seed 4 --sync
}

# What goes on in the background, for as long as it gets anywhere.
over()	# DEVICE FIELD
{
	for _ in $(seq 20); do
		[ "$(field "$1" "$2")" != 0 ] && [ "$(field s0 state)" = ok ] || return 0
		sleep 0.1
	done
}

take_one() { snapmv snapshot -m memo data b; }
before_delete_it() { quiet snapmv deactivate data@w; }
delete_it() { snapmv delete data@w && over s0 cleaning; }
roll_back() { snapmv rollback -f --undo u data@a && over s0-data rolling; }
set_policy() { snapmv set "$store" policy=hold; }
add_more() { snapmv add "$store" "$more" more; }
checkpoint() { dmsetup message s0 0 checkpoint; }
before_activate_it() { quiet snapmv deactivate s0/; }
activate_it() { snapmv activate "$store" && snapmv activate data@a data@w; }
deactivate_it() { snapmv deactivate s0/; }

for command in ${SMV_ONLY:-write_origin write_snapshot take_one delete_it roll_back set_policy \
		add_more checkpoint activate_it deactivate_it}; do
	each $command
done
