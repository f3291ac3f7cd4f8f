# Each kind of request to the origin's and the store's disk fails, once or from then on, at places
# spread over a workload of first writes, commits, a checkpoint, a deletion with its cleaning
# and a rollback: the origin goes on when the store has failed, no snapshot ever reads as anything but
# itself, a failure shows in status, events and log; after the disk is back and the store activated
# again, it checks clean and holds what was durable.
# host: disks
# disks: data=2M store=8M marks=1M
# timeout: 150
# long-scale: 1500

dev=/dev/mapper/s0-data
NEVER=4000000000

begin()
{
	note CALM
	rm -f ./*.map
	quiet stamp write "$data" --tag 1 --map o.map --sync
	cp o.map a.map
	quiet snapmv format -f -c 16K -l s0 "$store"
	quiet snapmv add "$store" "$data" data
	quiet snapmv activate "$store"
	quiet snapmv snapshot data a
	quiet snapmv activate data@a
	tag=1 unsafe=$NEVER unsure=$NEVER rolled='' taken=''
}

has_failed()
{
	[ "$(field s0 state)" = failed ]
}

# Writes, flushed. Those of a batch within which the store fails are not preserved, and may
# show in snapshots ever after: operating.md says so.
batch()
{
	tag=$((tag + 1))
	if ! stamp write $dev --tag $tag --map o.map --random 6 --sectors 1-40 --seed "$tag$n" \
			--sync 2>err; then
		cat err
		[ "$disk" = data ] || [ -n "$rolled" ] || fail 'the origin does not go on'
		[ $unsure -lt $tag ] || unsure=$tag
	fi
	! has_failed || [ $unsafe -lt $tag ] || unsafe=$tag
}

# A command may be refused by now; then it says so in one line.
attempt()	# ARGS...
{
	snapmv "$@" >out 2>&1 && return 0
	cat out
	eq "$(wc -l <out)" 1 "lines of the refusal of $*"
	return 1
}

workload()
{
	batch
	! attempt snapshot data b || taken=b
	batch
	dmsetup message s0 0 checkpoint 2>/dev/null || :
	batch
	[ -z "$taken" ] || ! attempt delete data@b || taken=
	batch
	if attempt rollback -f --undo u data@a; then
		cp a.map o.map
		rolled=yes
	elif has_failed; then
		unsure=1 rolled=yes	# nobody can know
	fi
	batch
	wait_for 60 moved_or_failed
	batch
	! attempt snapshot data c || taken="$taken c"
	batch
}

moved_or_failed()
{
	[ "$(field s0-data rolling)" = 0 ] || has_failed || [ "$disk" = data ]
}

# While it is up: what can be read is right.
judge_up()
{
	must stamp check $dev@a --tag 1 --readable
	must stamp check $dev --map o.map --or-from $unsure --readable
	has_failed || return 0
	failures=$((failures + 1))
	cond "$(field s0 events)" -ge 1
	cond "$(field s0 reason)" != %
	dmesg | grep -q 's0: the store has failed' || fail 'nothing in the log'
	! dd if=$dev@a of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null ||
		fail 'a snapshot of a failed store can be read'
	eq "$(field s0-data@a state)" failed 'state of the snapshot'
	mustfail '' snapmv snapshot data d
}

# After the disk is back.
judge_again()
{
	note CALM
	lost=$(field s0 lost)
	quiet snapmv deactivate -f s0/
	check_store "$store"
	snapmv activate "$store" >out 2>&1 || must snapmv activate -f "$store"
	readable=
	[ "$lost" = 0 ] || readable=--readable
	snapmv list -q >names
	for name in a $taken; do
		grep -q "@$name\$" names || fail "$name is lost"
	done
	quiet snapmv activate data@a
	# shellcheck disable=SC2086
	must stamp check $dev@a --tag 1 --or-from $unsafe $readable
	must stamp check $dev --map o.map --or-from $unsure $readable
	if [ -z "$readable" ]; then	# what is lost cannot be moved
		wait_for 60 is s0-data rolling 0
		must stamp check "$data" --map o.map --or-from $unsure
		settle s0
	fi
	quiet snapmv deactivate -f s0/
	check_store "$store"
}

one_error()	# DISK KIND N COUNT
{
	disk=$1 n=$3
	say "error: $*"
	begin
	trouble "FAIL $1 $2 $3 $4"
	workload
	judge_up
	judge_again
	errors=$((errors + 1))
}

# Requests of each kind that the workload makes: into the file counts.
count_requests()
{
	disk=none n=0
	begin
	for name in data store; do
		ios "$(eval echo "\$$name")"
		echo "$name $IO_R $IO_W $IO_F"
	done >before
	workload
	for name in data store; do
		ios "$(eval echo "\$$name")"
		echo "$name $IO_R $IO_W $IO_F"
	done >after
	judge_up
	judge_again
	awk 'FNR == NR { r[$1] = $2; w[$1] = $3; f[$1] = $4; next }
		{ print $1, "read", $2 - r[$1]; print $1, "write", $3 - w[$1]
		  print $1, "flush", $4 - f[$1] }' before after >counts
	cat counts
}

phase1()
{
	remember_store "$store"
	errors=0 failures=0
	count_requests
	places=$(scaled 100)	# hundredths of a place for each kind, so that all get their share
	i=0
	while read -r where kind count; do
		i=$((i + 1))
		[ "$count" -gt 0 ] || continue
		of=$(((places + 99) / 100))
		k=0
		while [ $k -lt $of ]; do
			rnd jitter $((count / of + 1))
			forever=$(((k + i + SMV_SEED) % 2 ? 1 : 1000000))
			one_error "$where" "$kind" $((count * k / of + jitter + 1)) $forever
			k=$((k + 1))
		done
	done <counts
	note CALM
	say "$errors errors injected, the store failed in $failures cases"
	cond $failures -ge 1
}
