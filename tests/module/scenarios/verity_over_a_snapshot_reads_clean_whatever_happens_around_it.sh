# dm-verity over a snapshot is read again and again while the origin is written and rolled back, and siblings and
# children come, are written, rolled back to and deleted: every block has its hash throughout, and each round of
# that has a reading of its own.
# programs: veritysetup
# timeout: 150
# long

modprobe dm-verity
dev=/dev/mapper/s0-data
size=$(scaled 16 8)
mkdisk origin "${size}M"
mkdisk hashes 4M
mkdisk store 96M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write $dev --tag 2 --random 200 --sectors 1-64
smv snapshot data old
stamp write $dev --tag 3 --random 200 --sectors 1-64 --seed 3
smv snapshot data fresh
smv activate data@fresh
must veritysetup format --no-superblock --salt 5a5a5a5a $dev@fresh "$hashes" >verity.out
root=$(awk '/Root hash/ { print $3 }' verity.out)
blocks=$((size * 256))
table="0 $((size * 2048)) verity 1 $dev@fresh $hashes 4096 4096 $blocks 0 sha256 $root 5a5a5a5a"
run dmsetup create --readonly sealed --table "$table"
SMV_DM="sealed $SMV_DM"

reads_clean()
{
	dd if=/dev/mapper/sealed of=/dev/null bs=64k iflag=direct 2>/dev/null || fail 'a block is not what its hash says'
}

: >reads
echo before >round
(
	while [ ! -e "$T/stop" ]; do
		began=$(cat round)
		reads_clean
		echo "$began" >>reads
	done
) & reader=$!

# write_until_read ROUND DEV...: writes there until a reading has begun and ended in this round
write_until_read()
{
	wu_round=$1 wu_n=0
	shift
	until grep -qx "$wu_round" reads; do
		! has_ended $reader || fail 'the reader'
		for wu_dev; do
			stamp write "$wu_dev" --tag $((90 + wu_n % 9)) --random 20 --sectors 1-64 --seed $wu_n >/dev/null
		done
		wu_n=$((wu_n + 1))
	done
	say "round $wu_round: read while $wu_n writings more went on"
}

rounds=$(scaled 8 3)
i=0
while [ $i -lt "$rounds" ]; do
	echo $i >round.new
	mv round.new round
	smv snapshot data "sibling$i" data@fresh "child$i"
	smv activate "data@sibling$i" "data@child$i"
	stamp write $dev --tag $((10 + i)) --random 150 --sectors 1-64 --seed $i & a=$!
	stamp write "$dev@child$i" --tag $((30 + i)) --random 100 --sectors 1-64 --seed $i & b=$!
	stamp write "$dev@sibling$i" --tag $((50 + i)) --random 100 --sectors 1-64 --seed $i
	wait $a
	wait $b
	write_until_read $i $dev "$dev@child$i" "$dev@sibling$i"
	smv snapshot "data@child$i" "grandchild$i"
	smv deactivate "data@sibling$i" "data@child$i"
	case $((i % 3)) in
	0)	smv rollback -f --no-undo data@old ;;
	1)	smv rollback -f --no-undo "data@child$i" ;;
	2)	smv rollback -f --no-undo data@fresh ;;
	esac
	stamp write $dev --tag $((70 + i)) --random 50 --sectors 1-64 --seed $i
	wait_for 60 is s0-data rolling 0
	smv delete "data@child$i" "data@sibling$i"
	[ $((i % 2)) -eq 0 ] || smv delete "data@grandchild$i"
	i=$((i + 1))
done
settle s0
touch "$T/stop"
wait $reader || fail 'the reader'
reads_clean
say "$(wc -l <reads) readings while $rounds rounds went on"
cond "$(grep -v before reads | sort -u | wc -l)" -eq "$rounds"
eq "$(field s0 dropped)" 0 dropped

# It would have been seen.
stamp write $dev@fresh --tag 99 --from 1000 --count 1
! dd if=/dev/mapper/sealed of=/dev/null bs=64k iflag=direct 2>/dev/null || fail 'a changed block has the same hash'
dm_remove sealed
