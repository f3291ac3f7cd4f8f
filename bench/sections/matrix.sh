# SPDX-License-Identifier: GPL-2.0
# Every contender with every load, in turn, on the same disks; bench/run puts before it
# what these variables say:
#
#	KIND		ram, latency or count: only a tag, and the options of the disks
#	DISK		options of mkdisk
#	CASES		words CONTENDER:CHUNK:SNAPSHOTS:N, N chunks for each load
#	ROUNDS		how often all of it
#	WORKS		which loads

. /smv/bench.sh

# Ranges of N chunks each, so that each load of first writes finds chunks of its own.
range()	# NUMBER
{
	echo "--first $(($1 * n)) --count $n"
}

works()
{
	c="--step $chunk"
	b="$(($(bytes "$chunk")))"
	for work in $WORKS; do
		case $work in
		first-up-1)	m "$who" $work "$DEV" $c $(range 0) --depth 1 ;;
		first-random-1)	m "$who" $work "$DEV" $c $(range 1) --depth 1 --order random ;;
		first-up-16)	m "$who" $work "$DEV" $c $(range 2) --depth 16 ;;
		first-random-16)
			m "$who" $work "$DEV" $c $(range 3) --depth 16 --order random
			[ "$who" != linear ] ||
				m limit $work "$DEV" $c $(range 3) --depth 16 \
					--order random --copy "$store" ;;
		first-whole-16)	m "$who" $work "$DEV" $c $(range 4) --depth 16 --bytes $b ;;
		first-1M-1)	m "$who" $work "$DEV" --step 1M --bytes 1M --depth 1 \
				--first $((5 * n * b >> 20)) --count $((n * b >> 20)) ;;
		first-sync-1)	m "$who" $work "$DEV" $c --first $((6 * n)) \
				--count $((n / 4)) --sync ;;
		over-1)		m "$who" $work "$DEV" $c $(range 0) --order random \
				--times "$TIMES" ;;
		over-16)	m "$who" $work "$DEV" $c $(range 0) --depth 16 --order random \
				--times "$TIMES" ;;
		over-sync-1)	m "$who" $work "$DEV" $c $(range 0) --sync --times "$TIMES" ;;
		read-1)		m "$who" $work "$DEV" $c $(range 0) --op read --order random \
				--times "$TIMES" ;;
		read-16)	m "$who" $work "$DEV" $c $(range 0) --op read --depth 16 \
				--order random --times "$TIMES" ;;
		snap-place-16)	m "$who" $work "$SNAP" $c $(range 7) --op read --depth 16 \
				--order random --times "$TIMES" ;;
		snap-kept-16)	m "$who" $work "$SNAP" $c $(range 0) --op read --depth 16 \
				--order random --times "$TIMES" ;;
		snap-kept-1)	m "$who" $work "$SNAP" $c $(range 0) --op read \
				--order random --times "$TIMES" ;;
		snap-whole-16)	m "$who" $work "$SNAP" $c $(range 1) --depth 16 --bytes $b ;;
		snap-over-16)	m "$who" $work "$SNAP" $c $(range 1) --depth 16 --times "$TIMES" ;;
		snap-own-16)	m "$who" $work "$SNAP" $c $(range 1) --op read --depth 16 \
				--order random --times "$TIMES" ;;
		snap-part-16)	m "$who" $work "$SNAP" $c $(range 2) --depth 16 ;;
		*)		fail "no work $work" ;;
		esac
	done
}

# shellcheck disable=SC2086
bench_disks $SIZES $DISK
round=0
while [ $round -lt "$ROUNDS" ]; do
	for case in $CASES; do
		IFS=: read -r who chunk snapshots n <<-END
			$case
		END
		TAGS="kind=$KIND chunk=$chunk snapshots=$snapshots round=$round"
		"up_$who" "$chunk" "$snapshots"
		works
		down "$who"
	done
	round=$((round + 1))
done
