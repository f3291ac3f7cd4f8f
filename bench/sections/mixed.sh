# SPDX-License-Identifier: GPL-2.0
# What no other section has: a load with a snapshot each second, one CPU against two, how
# fast a rollback moves, the module's memory.
#
#	SECONDS_EACH	of the mixed load

. /smv/bench.sh

row()	# WHAT WHO DATA...
{
	rw_what=$1 rw_who=$2
	shift 2
	echo "DATA kind=mixed what=$rw_what who=$rw_who $*"
}

uptime_cs()
{
	read -r uc_up x </proc/uptime
	echo "${uc_up%.*}${uc_up#*.}"
}

# Allocations of the module by vmalloc, which all that is large is, in bytes.
module_bytes()
{
	awk '/\[dm_snap_mv\]/ && !/module_alloc/ { n += $2 } END { print n + 0 }' /proc/vmallocinfo
}

# So many chunks that all can be preserved anew each second, and the store does not fill.
mixed()	# WHAT WHO
{
	row "$1" "$2" "$(load --step 64K --count 512 --depth 16 --order random \
		--seconds "$SECONDS_EACH" "$DEV")"
}

snapshots_meanwhile()
{
	sm_n=0
	while [ $sm_n -lt "$SECONDS_EACH" ]; do
		sm_n=$((sm_n + 1))
		dmsetup message s0 0 snapshot 0 0 data "m$sm_n" % >/dev/null
		sleep 1
	done
}

cpus()	# WHO
{
	for cp_n in 2 1; do
		echo $((cp_n - 1)) >/sys/devices/system/cpu/cpu1/online
		cp_first=$((cp_n * 512))
		row "first-random-16-cpus-$cp_n" "$1" "$(load --step 64K --first $cp_first \
			--count 512 --depth 16 --order random "$DEV")"
		row "over-16-cpus-$cp_n" "$1" "$(load --step 64K --first $cp_first \
			--count 512 --depth 16 --order random --times 8 "$DEV")"
	done
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

bench_disks 128 1024 bs=4096
up_linear
mixed write linear
cpus linear
down linear

before=$(module_bytes)
up_snapmv 64K 1
row memory-open snapmv "bytes=$(($(module_bytes) - before))"
cpus snapmv
load --step 64K --count 2048 --depth 16 "$DEV" >/dev/null
row memory-2048-exceptions snapmv "bytes=$(($(module_bytes) - before))"
mixed write snapmv

moves=$(field s0 moves) begun=$(uptime_cs)
dmsetup message s0 0 rollback data@s1 % 0 1 >/dev/null
wait_for 120 is s0 rolling 0
row move snapmv "chunks=$(($(field s0 moves) - moves)) centiseconds=$(($(uptime_cs) - begun))"

dmsetup message s0 0 snapshot 0 0 data m0 % >/dev/null
snapshots_meanwhile & meanwhile=$!
mixed write-with-snapshots snapmv
wait $meanwhile
row snapshots snapmv "snapshots=$(field s0 snapshots) copies=$(field s0 copies)"
down snapmv
