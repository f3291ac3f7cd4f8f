# SPDX-License-Identifier: GPL-2.0
# For the sections of the benchmark, which run as scenarios do (tests/module):
# contenders on the same disks, and a load on one of them with all that is counted.
#
# A section prints lines `DATA key=value...', which bench/report.py reads.

# bench_disks ORIGIN-MIB STORE-MIB [OPTION...]: the disks of all contenders, options as
# of mkdisk; thin_meta is for dm-thin alone.
bench_disks()
{
	BENCH_MIB=$1 BENCH_STORE_MIB=$2
	shift 2
	mkdisk origin "${BENCH_MIB}M" "$@"
	mkdisk store "${BENCH_STORE_MIB}M" "$@"
	mkdisk thin_meta 16M "$@"
	# Memory is taken at the first write: nobody shall find it untouched.
	for bd in $origin $store $thin_meta; do
		dd if=/dev/zero of="$bd" bs=1M oflag=direct 2>/dev/null || :
	done
	origin_stat=/sys/block/$(kname "$origin")/stat
	store_stat=/sys/block/$(kname "$store")/stat
	meta_stat=/sys/block/$(kname "$thin_meta")/stat
}

# ---- contenders ----
# up_NAME CHUNK SNAPSHOTS sets DEV (the origin) and SNAP (its newest snapshot).

up_linear()
{
	dm_make plain "0 $((BENCH_MIB << 11)) linear $origin 0" >/dev/null
	DEV=/dev/mapper/plain SNAP=$DEV
}

up_snapshot()
{
	us_chunk=$(($(bytes "$1") >> 9))
	us_slice=$(((BENCH_STORE_MIB << 11) / $2 / us_chunk * us_chunk))
	dm_make base "0 $((BENCH_MIB << 11)) snapshot-origin $origin" >/dev/null
	us_n=0
	while [ $us_n -lt "$2" ]; do
		dm_make "cow$us_n" \
			"0 $us_slice linear $store $((us_n * us_slice))" >/dev/null
		dd if=/dev/zero of="/dev/mapper/cow$us_n" bs=4096 count=1 2>/dev/null
		dmsetup suspend base
		dm_make "snap$us_n" "0 $((BENCH_MIB << 11)) snapshot \
			$origin /dev/mapper/cow$us_n P $us_chunk" >/dev/null
		dmsetup resume base
		us_n=$((us_n + 1))
	done
	DEV=/dev/mapper/base SNAP=/dev/mapper/snap$((us_n - 1))
}

up_thin()
{
	ut_sectors=$((BENCH_MIB << 11))
	dd if=/dev/zero of="$thin_meta" bs=4096 count=1 2>/dev/null
	dm_make data "0 $ut_sectors linear $origin 0
$ut_sectors $((BENCH_STORE_MIB << 11)) linear $store 0" >/dev/null
	dm_make pool "0 $((ut_sectors + (BENCH_STORE_MIB << 11))) thin-pool $thin_meta \
		/dev/mapper/data $(($(bytes "$1") >> 9)) 0 1 skip_block_zeroing" >/dev/null
	dmsetup message pool 0 create_thin 0
	dm_make thin0 "0 $ut_sectors thin /dev/mapper/pool 0" >/dev/null
	# What exists already: all of it is allocated, in order.
	dd if=/dev/zero of=/dev/mapper/thin0 bs=1M count="$BENCH_MIB" oflag=direct \
		2>/dev/null
	dmsetup suspend thin0
	messages pool --repeat "$2" create_snap %d 0
	dmsetup resume thin0
	dm_make thin1 "0 $ut_sectors thin /dev/mapper/pool $2" >/dev/null
	DEV=/dev/mapper/thin0 SNAP=/dev/mapper/thin1
}

up_snapmv()
{
	quiet snapmv format -f -c "$1" -l s0 "$store"
	quiet snapmv add "$store" "$origin" data
	quiet snapmv activate "$store"
	messages s0 --repeat "$2" snapshot 0 0 data s%d %
	quiet snapmv activate "data@s$2"
	DEV=/dev/mapper/s0-data SNAP=/dev/mapper/s0-data@s$2
}

down()	# NAME
{
	[ "$1" != snapmv ] || quiet snapmv deactivate s0
	for dn in $SMV_DM; do
		dmsetup remove "$dn"
	done
	SMV_DM=
}

# ---- measuring ----

# Requests and sectors of the three disks, and what the store says of itself.
bench_counts()
{
	read -r o_r x o_rs x o_w x o_ws x x x x x x x x o_f x <"$origin_stat"
	read -r s_r x s_rs x s_w x s_ws x x x x x x x x s_f x <"$store_stat"
	read -r m_r x m_rs x m_w x m_ws x x x x x x x x m_f x <"$meta_stat"
	s_r=$((s_r + m_r)) s_rs=$((s_rs + m_rs)) s_w=$((s_w + m_w)) s_ws=$((s_ws + m_ws))
	s_f=$((s_f + m_f))
	commits=0 commit_blocks=0 record_bytes=0 copies=0 checkpoint_blocks=0
	[ "$1" = snapmv ] || return 0
	# shellcheck disable=SC2046
	set -- $(dmsetup status --noflush s0)
	shift 3
	commits=${28} commit_blocks=${29} record_bytes=${30} checkpoint_blocks=${32}
	copies=${35}
}

# m CONTENDER WORK DEV ARGS...: one load and a DATA line; TAGS go with it.
m()
{
	m_who=$1 m_work=$2 m_dev=$3
	shift 3
	bench_counts "$m_who"
	a="$o_r $o_rs $o_w $o_ws $o_f $s_r $s_rs $s_w $s_ws $s_f"
	a="$a $commits $commit_blocks $record_bytes $copies $checkpoint_blocks"
	m_out=$(load "$@" "$m_dev") || fail "load $* $m_dev"
	bench_counts "$m_who"
	# shellcheck disable=SC2086
	set -- $a
	echo "DATA who=$m_who work=$m_work $TAGS $m_out o_r=$((o_r - $1)) o_rs=$((o_rs - $2))" \
		"o_w=$((o_w - $3)) o_ws=$((o_ws - $4)) o_f=$((o_f - $5))" \
		"s_r=$((s_r - $6)) s_rs=$((s_rs - $7)) s_w=$((s_w - $8))" \
		"s_ws=$((s_ws - $9)) s_f=$((s_f - ${10}))" \
		"commits=$((commits - ${11})) commit_blocks=$((commit_blocks - ${12}))" \
		"record_bytes=$((record_bytes - ${13})) copies=$((copies - ${14}))" \
		"checkpoint_blocks=$((checkpoint_blocks - ${15}))"
}
