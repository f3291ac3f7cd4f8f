# SPDX-License-Identifier: GPL-2.0
# How long commands take, as the module's message takes them, at few and at many snapshots.
#
#	COUNTS		numbers of snapshots
#	TIMES		each command so often

. /smv/bench.sh

asks()	# WHO WHAT DEVICE MESSAGE
{
	echo "DATA kind=commands who=$1 what=$2 snapshots=$have $(ask "$3" "$TIMES" "$4")"
}

took()	# WHO WHAT CMD...
{
	tk_who=$1 tk_what=$2
	shift 2
	echo "DATA kind=commands who=$tk_who what=$tk_what snapshots=$have $(ask --run "$@")"
}

bench_disks 64 256
up_snapmv 64K 1
have=1
for wanted in $COUNTS; do
	if [ "$wanted" -gt $have ]; then
		messages s0 --repeat $((wanted - have)) snapshot 0 0 data "n$wanted-%d" %
		have=$wanted
	fi
	asks snapmv create s0 'snapshot 0 0 data t%d %'
	load --depth 4 --seconds 20 --count 512 "$DEV" >loaded & pid=$!
	asks snapmv create-under-load s0 'snapshot 0 0 data u%d %'
	kill $pid
	wait $pid 2>/dev/null || :
	asks snapmv delete s0 'delete data@t%d'
	asks snapmv delete-again s0 'delete data@u%d'
	i=0
	while [ $i -lt 5 ]; do
		took snapmv rollback dmsetup message s0 0 rollback data@s1 % 0 1
		wait_for 60 is s0 rolling 0
		i=$((i + 1))
	done
	quiet snapmv deactivate s0
	took snapmv activate snapmv activate "$store"
	took snapmv activate-snapshot snapmv activate data@s1
done
down snapmv

up_thin 64K 1
have=1
for wanted in $COUNTS; do
	if [ "$wanted" -gt $have ]; then
		i=$have
		while [ $i -lt "$wanted" ]; do
			i=$((i + 1))
			echo "create_snap $i 0"
		done | messages pool
		have=$wanted
	fi
	asks thin create pool "create_snap 1%d00001 0"
	asks thin delete pool "delete 1%d00001"
done
down thin
