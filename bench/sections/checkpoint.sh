# SPDX-License-Identifier: GPL-2.0
# What checkpoints do to the latency of others: overwrites beside a stream of first writes,
# on the plain device, and on ours without and with checkpoints one after the other. The first writes
# find chunks of their own for thirteen seconds at least (two at a time, 6 ms each).
#
#	SECONDS_EACH	of a measurement
#	ROUNDS

. /smv/bench.sh

beside()	# WHO WHAT: overwrites and first writes side by side
{
	load --step 64K --first $((1024 + round * 4096)) --count 4096 --order random --depth 2 \
		--seconds "$SECONDS_EACH" "$DEV" >firsts & pid=$!
	TAGS="kind=checkpoint chunk=64K snapshots=1 round=$round"
	m "$1" "over-beside-$2" "$DEV" --step 64K --count 512 --depth 4 --order random \
		--seconds "$SECONDS_EACH"
	wait $pid
	echo "DATA who=$1 work=first-beside-$2 $TAGS $(cat firsts)"
}

bench_disks $((64 + ROUNDS * 256)) $((ROUNDS * 600 + 64)) latency=2000
round=0
while [ $round -lt "$ROUNDS" ]; do
	up_linear
	beside linear others
	down linear
	up_snapmv 64K 1
	load --step 64K --count 512 --depth 16 "$DEV" >/dev/null
	beside snapmv others
	down snapmv
	up_snapmv 64K 1
	load --step 64K --count 512 --depth 16 "$DEV" >/dev/null
	before=$(field s0 checkpoints)
	messages s0 --repeat 100000000 checkpoint >/dev/null 2>&1 & checkpoints=$!
	beside snapmv checkpoints
	kill $checkpoints
	wait $checkpoints 2>/dev/null || :
	echo "DATA kind=checkpoint who=snapmv what=checkpoints round=$round" \
		"count=$(($(field s0 checkpoints) - before)) seconds=$SECONDS_EACH"
	down snapmv
	round=$((round + 1))
done
