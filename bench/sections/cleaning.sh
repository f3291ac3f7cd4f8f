# SPDX-License-Identifier: GPL-2.0
# What cleaning costs those who overwrite meanwhile. The store is a file made by
# bench/user/store.c: one snapshot with EXCEPTIONS exceptions of 4 KiB.

. /smv/bench.sh

modprobe virtio_blk
wait_for 20 test -b /dev/vda
store=/dev/vda
mkdisk origin $((EXCEPTIONS / 256 + 1))M
dm_make b0 "0 $(sectors $store) snap-mv-store $store"
dm_make b0-data "0 $((EXCEPTIONS * 8)) snap-mv-origin /dev/mapper/b0 data $origin"
dm_make plain "0 $((EXCEPTIONS * 8)) linear $origin 0"
L='--step 4K --count 512 --depth 4 --order random --times 8'
TAGS="kind=cleaning chunk=4K snapshots=1"

pair()	# WHAT ROUND
{
	# shellcheck disable=SC2086
	echo "DATA who=linear work=over-$1 $TAGS round=$2 $(load $L /dev/mapper/plain)"
	# shellcheck disable=SC2086
	echo "DATA who=snapmv work=over-$1 $TAGS round=$2 $(load $L /dev/mapper/b0-data)"
}

# shellcheck disable=SC2086
load $L /dev/mapper/b0-data >/dev/null
for round in 0 1 2 3 4; do
	pair idle $round
done
up=$(cut -d. -f1 /proc/uptime)
before=$(field b0 exceptions)
messages b0 --repeat 1 delete data@s1
round=0
while [ "$(field b0 cleaning)" -gt 0 ]; do
	pair cleaning $round
	round=$((round + 1))
done
echo "DATA kind=cleaning what=cleaned exceptions=$before left=$(field b0 exceptions)" \
	"seconds=$(($(cut -d. -f1 /proc/uptime) - up)) pairs=$round" \
	"checkpoints=$(field b0 checkpoints) commit_blocks=$(field b0 commit_blocks)" \
	"checkpoint_blocks=$(field b0 checkpoint_blocks)"
dmsetup remove plain
dmsetup remove b0-data
dmsetup remove b0
SMV_DM=
