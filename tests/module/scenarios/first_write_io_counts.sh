# What a first write costs in requests, at 1 and at 500 snapshots: one read of
# the chunk, one write of it, the write itself; at queue depth 16 no more than
# 0.15 commit writes and 1 KiB of journal each. A later write and a read of the
# origin are one request. (The disks take a time for each request, as all disks
# do: without it writes do not come 16 at a time, whatever the queue depth. On the one
# processor of user-mode Linux they do not either: the limits of depth 16 are not for it.)
# timeout: 120

writes=$(scaled 800 200)
many=$(scaled 500 20)
mkdisk origin $((writes / 64 + 1))M latency=300
mkdisk store $((writes / 8 + 64))M latency=300
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data

# Writes of 4K, one in each chunk.
load()	# NAME DEPTH RW
{
	fio --eta=never --name="$1" --filename=$dev --ioengine=libaio --direct=1 --bs=4k \
		--rw="$3:12k" --size=$((writes * 16))k --iodepth="$2" \
		--output=fio.out || { cat fio.out; fail fio; }
}

per()	# N: a hundredth part of so many for each write
{
	echo $((($1 * 100 + writes / 2) / writes))
}

decimal()	# HUNDREDTHS
{
	printf '%d.%02d' $(($1 / 100)) $(($1 % 100))
}

measure()	# SNAPSHOTS DEPTH WHAT RW
{
	# Before the requests, so that what comes in between is none too many.
	c=$(field s0 commits) cb=$(field s0 commit_blocks) rb=$(field s0 record_bytes)
	copies=$(field s0 copies) cp=$(field s0 checkpoint_blocks)
	ios "$origin"
	o_r=$IO_R o_w=$IO_W
	ios "$store"
	s_r=$IO_R s_w=$IO_W s_ws=$IO_WS
	load $3 $2 $4
	ios "$origin"
	o_r=$(per $((IO_R - o_r))) o_w=$(per $((IO_W - o_w)))
	ios "$store"
	s_r=$(per $((IO_R - s_r))) s_w=$((IO_W - s_w)) s_ws=$((IO_WS - s_ws))
	c=$(($(field s0 commits) - c)) cb=$(($(field s0 commit_blocks) - cb))
	rb=$(($(field s0 record_bytes) - rb))
	cp=$(($(field s0 checkpoint_blocks) - cp))
	copies=$(per $(($(field s0 copies) - copies)))
	printf 'TABLE %5d %6s %3d %8s %8s %8s %8s %8s %8s %8d\n' "$1" "$3" "$2" \
		"$(decimal $o_r)" "$(decimal $o_w)" "$(decimal $s_r)" \
		"$(decimal $(per $s_w))" "$(decimal $(per $c))" \
		"$(decimal $copies)" $((cb * 4096 / writes))
}

header()
{
	printf 'TABLE %5s %6s %3s %8s %8s %8s %8s %8s %8s %8s\n' snaps what depth \
		o-reads o-writes s-reads s-writes commits copies journal
}

first_writes()	# TRY
{
	quiet snapmv snapshot data s$snapshots.$depth.$1
	taken=$((taken + 1))
	measure $taken $depth first write
	eq "$copies" 100 'copies a hundred first writes'
	cond "$o_r" -le 100
	cond "$o_w" -le 100
	# Data; the commits and checkpoints are in the same count.
	cond $((s_w - c - cp)) -le "$writes"
}

shared() { [ "$(per $c)" -le 15 ] && [ $((cb * 4096 / writes)) -le 1024 ]; }

gathers=yes
case $(uname -r) in
*-uml)	gathers=no ;;
esac
header
taken=0
for snapshots in 1 "$many"; do
	for depth in 1 16; do
		missing=$((snapshots - taken - 1))
		if [ $missing -gt 0 ]; then
			must messages s0 --repeat $missing \
				snapshot 0 0 data s$snapshots-%d %
			taken=$((taken + missing))
		fi
		first_writes 1
		# Writes that the host lets come one by one cannot share a commit.
		if [ $depth -eq 16 ] && [ $gathers = yes ]; then
			if ! shared; then first_writes 2; fi
			if ! shared; then first_writes 3; fi
			shared || fail 'too many commits, or too much journal'
		fi
		wait_for 9 rests s0
		measure $taken $depth later write
		eq "$o_r/$o_w/$s_r/$s_w/$copies" 0/100/0/0/0 'counts of later writes'
		measure $taken $depth read read
		eq "$o_r/$o_w/$s_r/$s_w" 100/0/0/0 'counts of reads'
	done
done
eq "$(field s0 dropped)" 0 dropped
