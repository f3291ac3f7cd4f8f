# Each kind of request to the origin's and the store's disk fails, once or from then on, at places
# spread over a workload of first writes, writes to a snapshot, commits, a checkpoint, a deletion
# with its cleaning and a rollback: the origin goes on when the store has failed, no snapshot ever reads as anything but
# itself, a failure shows in status, events and log; after the disk is back and the store activated
# again, it checks clean and holds what was durable.
# timeout: 150
# long-scale: 1500

dev=/dev/mapper/s0-data
mkdisk data 2M cache=4
mkdisk store 8M cache=4
obey data store
NEVER=4000000000

begin()
{
	calm data store
	dmesg -c >/dev/null
	rm -f ./*.map
	quiet stamp write "$data" --tag 1 --map o.map --sync
	cp o.map a.map
	cp o.map sure.map
	cp o.map w.map
	cp o.map own.map
	quiet snapmv format -f -c 16K -l s0 "$store"
	quiet snapmv add "$store" "$data" data
	quiet snapmv activate "$store"
	quiet snapmv snapshot data a
	quiet snapmv snapshot data w
	quiet snapmv activate data@a data@w
	tag=1 unsafe=$NEVER unsure=$NEVER rolled='' taken='' own_unsure=$NEVER
}

has_failed()
{
	[ "$(field s0 state)" = failed ]
}

# Writes, flushed. From the first batch that fails on anything may be there that was there
# after the last one before it (sure.map) or has come since. Those of a batch within which the store fails are
# not preserved, and may show in snapshots ever after: operating.md says so.
batch()
{
	tag=$((tag + 1))
	if ! stamp write $dev --tag $tag --map o.map --random 6 --sectors 1-40 --seed "$tag$n" \
			--sync 2>err; then
		cat err
		[ "$disk" != none ] || fail 'a write fails'
		[ "$disk" = data ] || [ -n "$rolled" ] || fail 'the origin does not go on'
		[ $unsure -lt $tag ] || unsure=$tag
	fi
	[ $unsure -le $tag ] || cp o.map sure.map
	! has_failed || [ $unsafe -lt $tag ] || unsafe=$tag
}

# Writes to snapshot w, flushed; the same for its maps.
own_batch()
{
	own_tag=$((1000 + tag))
	if stamp write $dev@w --tag $own_tag --map w.map --random 6 --sectors 1-40 --seed "$tag$n" \
			--sync 2>err; then
		[ $own_unsure -le $own_tag ] || cp w.map own.map
		return 0
	fi
	cat err
	[ "$disk" != none ] || fail 'a write to a snapshot fails'
	[ $own_unsure -lt $own_tag ] || own_unsure=$own_tag
}

# A command may be refused by now; then it says so in one line, and if that is for an error
# below, the log has more.
attempt()	# ARGS...
{
	snapmv "$@" >out 2>&1 && return 0
	cat out
	[ "$disk" != none ] || fail "refused: $*"
	eq "$(wc -l <out)" 1 "lines of the refusal of $*"
	! grep -q dmesg out || dmesg | grep -q 'snap-mv: .*\(failed\|cannot\|could not\|damaged\)' ||
		fail "the log does not tell why: $*"
	return 1
}

workload()
{
	batch
	own_batch
	! attempt snapshot data b || taken=b
	batch
	dmsetup message s0 0 checkpoint 2>/dev/null || :
	batch
	own_batch
	[ -z "$taken" ] || ! attempt delete data@b || taken=
	batch
	if attempt rollback -f --undo u data@a; then
		cp a.map o.map
		cp a.map sure.map
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

# What cannot be read cannot be moved.
moved_or_failed()
{
	[ "$(field s0-data rolling)" = 0 ] || has_failed || [ "$disk" = data ] || [ "$times" -gt 1 ]
}

# While it is up: what can be read is right.
judge_up()
{
	must stamp check $dev@a --tag 1 --readable
	must stamp check $dev@w --map w.map --or-map own.map --or-from $own_unsure --readable
	must stamp check $dev --map o.map --or-map sure.map --or-from $unsure --readable
	has_failed || return 0
	failures=$((failures + 1))
	cond "$(field s0 events)" -ge 1
	cond "$(field s0 reason)" != %
	dmesg | grep -q 'the store has failed' || fail 'nothing in the log'
	! dd if=$dev@a of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null ||
		fail 'a snapshot of a failed store can be read'
	eq "$(field s0-data@a state)" failed 'state of the snapshot'
	mustfail 'a device or the store failed' snapmv snapshot data d
}

# After the disk is back.
judge_again()
{
	calm data store
	lost=$(field s0 lost)
	quiet snapmv deactivate -f s0/
	check_store "$store"
	snapmv activate "$store" >out 2>&1 || must snapmv activate -f "$store"
	readable=
	[ "$lost" = 0 ] || readable=--readable
	snapmv list -q >names
	for name in a w $taken; do
		grep -q "@$name\$" names || fail "$name is lost"
	done
	quiet snapmv activate data@a data@w
	[ $unsafe -gt $own_unsure ] || own_unsure=$unsafe
	# shellcheck disable=SC2086
	must stamp check $dev@a --tag 1 --or-from $unsafe $readable
	# shellcheck disable=SC2086
	must stamp check $dev@w --map w.map --or-map own.map --or-from $own_unsure $readable
	must stamp check $dev --map o.map --or-map sure.map --or-from $unsure $readable
	if [ -z "$readable" ]; then	# what is lost cannot be moved
		wait_for 60 is s0-data rolling 0
		must stamp check "$data" --map o.map --or-map sure.map --or-from $unsure
		settle s0
	fi
	quiet snapmv deactivate -f s0/
	check_store "$store"
}

one_error()	# DISK KIND N COUNT
{
	disk=$1 n=$3 times=$4
	say "error: $*"
	begin
	order "$1" fail "$2" "$3" "$4"
	workload
	judge_up
	judge_again
	errors=$((errors + 1))
}

# Requests of each kind that the workload makes: into the file counts.
count_requests()
{
	disk=none n=0 times=0
	begin
	data_before=$(requests data) store_before=$(requests store)
	workload
	count_kinds data "$data_before" "$(requests data)" >counts
	count_kinds store "$store_before" "$(requests store)" >>counts
	judge_up
	judge_again
	eq $failures 0 'failures without an error below'
	cat counts
}

count_kinds()	# DISK BEFORE AFTER
{
	echo "$1 $2 $3" | awk '{ print $1, "read", $6 - $2; print $1, "write", $7 - $3
		print $1, "flush", $8 - $4 }'
}

remember_store "$store"
errors=0 failures=0
count_requests
# One place for each kind and hundred percent; below that, for every other kind.
places=$((($(scaled 100) + 99) / 100))
k=0
while [ $k -lt $places ]; do
	i=0
	while read -r where kind count; do
		i=$((i + 1))
		[ "$count" -gt 0 ] || continue
		[ "$SMV_SCALE" -ge 100 ] || [ $((i % 2)) = 1 ] || continue
		rnd jitter $((count / places + 1))
		forever=$(((k + i + SMV_SEED) % 2 ? 1 : 1000000))
		one_error "$where" "$kind" $((count * k / places + jitter + 1)) $forever
	done <counts
	k=$((k + 1))
done
# The load makes more requests at one time than at another: a place near the end may not come.
one_error store write 5 1000000
calm data store
say "$errors errors injected, the store failed in $failures cases"
cond $failures -ge 1
