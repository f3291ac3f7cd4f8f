# A snapshot command, and a delete of many, find no room for their records, for a checkpoint stands, while others
# commit by the hundred: they wait all the same. A delete that waits too long has deleted some, says
# which is the first it has not, and the origin that has no snapshot any more is written at once.
# timeout: 90
# kernels: 6.1 6.12

mkdisk data 16M
mkdisk store 4096M
obey store
smv format -c 4K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data base
origins=$(seq 31)
quiet messages s0 --repeat 31 add o%d 64 path:/nowhere/%d 0

# takes FIRST LAST: messages that take snapshots of these numbers of all the 31.
takes()
{
	for ta_n in $(seq "$1" "$2"); do
		echo "snapshot 0 0 $(for o in $origins; do printf 'o%d s%d %% ' "$o" "$ta_n"; done)"
	done
}

# deletes FIRST LAST: the same deleted, of one origin by each message.
deletes()
{
	for o in $origins; do
		echo "delete $(for n in $(seq "$1" "$2"); do printf 'o%d@s%d ' "$o" "$n"; done)"
	done
}

# A checkpoint has begun, and stands: there is room for changes of 4096 volumes until it has ended.
hold_checkpoint()
{
	checkpointed s0
	quiet dmsetup message s0 0 set "low-water=$1"
	wait_for 60 rests s0
	order store hold write 1
	quiet dmsetup message s0 0 checkpoint
	wait_for 20 holds store
}

stands()
{
	st_was=$(field s0 snapshots)
	sleep 0.3
	[ "$(field s0 snapshots)" = "$st_was" ]
}

committed()	# NUMBER of commits since $before
{
	[ $(($(field s0 commits) - before)) -ge "$1" ]
}

from=0
waits_whatever_others_commit()	# PID
{
	wait_for 60 stands
	! has_ended "$1" || fail 'it found room'
	before=$(field s0 commits)
	stamp write $dev --tag 2 --from $from --count 3200 --io 4K & one=$!
	stamp write $dev --tag 2 --from $((from + 3200)) --count 3200 --io 4K & two=$!
	from=$((from + 6400))
	wait_for 20 committed 400
	calm store
	wait $one
	wait $two
	wait "$1" || fail 'it gave up'
}

snapshot()
{
	hold_checkpoint 101
	takes 1 135 | messages s0 & pid=$!
	waits_whatever_others_commit $pid
	eq "$(field s0 snapshots)" $((31 * 135 + 1)) snapshots
}

delete()
{
	[ "$(field s0 snapshots)" -gt 1 ] || takes 1 135 | messages s0
	hold_checkpoint 102
	deletes 1 135 | messages s0 & pid=$!
	waits_whatever_others_commit $pid
	eq "$(field s0 snapshots)" 1 snapshots
}

too_long()
{
	takes 1 2 | messages s0
	hold_checkpoint 103
	takes 3 132 | messages s0	# 4061 changes, with the origins
	snapmv list -q | grep '^o.*@s[12]$' >some
	mustfail 'o[0-9]*@s[12] .*before it are deleted' snapmv delete data@base $(cat some)
	left=$(sed -n 's/^snapmv: delete \([^ ]*\) .*/\1/p' "$T/.err")
	sed -n "/^$left\$/,\$p" some >kept
	cond "$(wc -l <kept)" -gt 10
	snapmv list -q | grep -e '^o.*@s[12]$' -e '^data@' >now
	must cmp kept now
	gated=$(field s0 gated)
	stamp write $dev --tag 3 --from 16000 --count 800 --io 4K
	eq "$(field s0 gated)" "$gated" 'writes that were held up'
	calm store
	smv delete $(cat kept)
}

for part in ${SMV_ONLY:-snapshot delete too_long}; do
	say "$part"
	$part
done
