# Everything at once: threads that judge each of their reads on an origin and a snapshot of it, files
# made and verified on an ext4 with snapshots coming and going, an origin rolled back and forth,
# tables reloaded, devices suspended with and without flush, delays below that come and go, discards of
# the filesystem and of a whole snapshot of a snapshot, a store that fills and drops; and beside it
# random operations on a second store compared with plain copies. Five minutes at full scale; -f 1200 is
# an hour, as make check-long takes on each kernel.
# long
# long-scale: 1200
# memory: 2G
# timeout: 600

mkdisk load 16M
mkdisk fs 48M
mkdisk roll 8M
mkdisk disk 512M
mkdisk a 3204s
mkdisk b 3213s
mkdisk store1 256M
mkdisk small 8M
mkdisk store2 6M
dm_make store "0 1048576 linear $disk 0"
store=/dev/mapper/store
stamp write "$a" --tag 1
stamp write "$b" --tag 2
smv format -c 8K -l s1 "$store1"
smv add "$store1" "$a" a
smv add "$store1" "$b" b
smv activate "$store1"
stamp write "$small" --tag 1 --map small.map
smv format -c 16K -l s2 "$store2"
smv add "$store2" "$small" small
smv activate "$store2"
mkfs ext4 "$fs"
stamp write "$roll" --tag 1 --map roll.map
smv format -c 16K -l s0 "$store"
for name in load fs roll; do
	eval "smv add $store \$$name $name"
done
smv activate $store
smv snapshot load kept
smv activate load@kept
mnt /dev/mapper/s0-fs fs
make_files /mnt/fs 40
smv snapshot roll r0
cp roll.map r0.map

# Background: judged load, random operations on the other store.
overlap --time 1000000 --threads 2 /dev/mapper/s0-load >overlap1 2>&1 & one=$!
overlap --time 1000000 --threads 1 /dev/mapper/s0-load@kept >overlap2 2>&1 & two=$!
differ_for_ever()
{
	seed=$SMV_SEED
	while [ ! -e stop ]; do
		differ --seed $seed --count 400 s1 a b >differ.out 2>&1 || {
			cat differ.out
			echo "replay: differ --seed $seed --count 400" >differ.failed
			return 1
		}
		seed=$((seed + 1))
		echo "$seed" >differ.seed
		snapmv deactivate s1/ >differ.out 2>&1 || :	# it ends with any of them up or down
		snapmv activate "$store1" >differ.out 2>&1
	done
}
differ_for_ever & three=$!

alive()
{
	[ ! -e differ.failed ] || { cat differ.out differ.failed; fail 'differ found something'; }
	kill -0 $one 2>/dev/null || { cat overlap1; fail 'overlap found something'; }
	kill -0 $two 2>/dev/null || { cat overlap2; fail 'overlap found something'; }
}

reload()	# NAME [--noflush]
{
	dmsetup table "$1" >table
	must dmsetup load "$1" table
	# shellcheck disable=SC2086
	must dmsetup suspend ${2:-} "$1"
	must dmsetup resume "$1"
}

group=0
snapshots()
{
	group=$((group + 1))
	quiet snapmv snapshot fs g$group load g$group roll g$group
	cp roll.map g$group.map
	[ $group -le 6 ] || {
		old=$((group - 6))
		quiet snapmv activate fs@g$old
		fsck "/dev/mapper/s0-fs@g$old"
		quiet snapmv deactivate fs@g$old
		snapshot_is s0 roll@g$old g$old.map
		quiet snapmv delete fs@g$old load@g$old roll@g$old
		rm g$old.map
	}
}

round=0
change_files()
{
	make_files /mnt/fs/new 12 $round
	verify_files /mnt/fs/new
	rm -rf /mnt/fs/new
	(cd /mnt/fs && quiet sha256sum -c --quiet .sums)
}

roll_back()
{
	stamp write /dev/mapper/s0-roll --tag $((round + 10)) --map roll.map --random 60 \
		--sectors 1-40 --seed $round
	[ "$(field s0-roll rolling)" = 0 ] || return 0
	quiet snapmv rollback --no-undo roll@r0
	cp r0.map roll.map
	must stamp check /dev/mapper/s0-roll --map roll.map
}

discards()
{
	quiet fstrim /mnt/fs
	[ $group -gt 0 ] || return 0
	quiet snapmv snapshot fs@g$group bare
	quiet snapmv activate fs@bare
	quiet blkdiscard -f /dev/mapper/s0-fs@bare
	quiet snapmv deactivate fs@bare
	quiet snapmv delete fs@bare
}

full=0
fill()
{
	quiet snapmv snapshot small now
	quiet snapmv activate small@now
	cp small.map now.map
	rnd writes 900
	stamp write /dev/mapper/s2-small --tag $((round + 10)) --map small.map --random "$writes" \
		--sectors 1-40 --seed $round
	must stamp check /dev/mapper/s2-small --map small.map
	state=$(field s2-small@now state)
	case $state in
	ok)	must stamp check /dev/mapper/s2-small@now --map now.map ;;
	invalid) full=$((full + 1)) ;;
	*)	fail "a snapshot of a store that may be full is $state" ;;
	esac
	quiet snapmv deactivate small@now
	quiet snapmv delete small@now
	eq "$(field s2 state)" ok 'state of the store that fills'
}

delays()
{
	rnd ms 4
	if [ "$ms" -eq 0 ]; then
		dm_load store "0 1048576 linear $disk 0"
	else
		dm_load store "0 1048576 delay $disk 0 $ms $disk 0 $((ms * 2))"
	fi
}

end=$(($(date +%s) + $(scaled 300 10)))
while [ "$(date +%s)" -lt $end ]; do
	round=$((round + 1))
	alive
	rnd what 11
	case $what in
	0|1)	snapshots ;;
	2|3)	change_files ;;
	4)	roll_back ;;
	5)	rnd i 3; reload "$(echo s0 s0-load s0-load@kept | cut -d ' ' -f $((i + 1)))" ;;
	6)	rnd i 2; reload "$(echo s0-load s0-load@kept | cut -d ' ' -f $((i + 1)))" --noflush ;;
	7)	delays ;;
	8)	quiet snapmv status s0/
		quiet snapmv list -s s0/
		quiet dmsetup message s0 0 checkpoint ;;
	9)	discards ;;
	10)	fill ;;
	esac
done
dm_load store "0 1048576 linear $disk 0"
touch stop
wait $three || fail 'differ found something'
alive
kill $one $two
wait $one || :
wait $two || :
[ ! -s overlap1 ] || { cat overlap1; fail 'overlap found something'; }
[ ! -s overlap2 ] || { cat overlap2; fail 'overlap found something'; }
wait_for 120 is s0-roll rolling 0
must stamp check "$roll" --map roll.map
unmnt fs
fsck /dev/mapper/s0-fs
[ $round -lt 200 ] || cond $full -gt 0
say "$round rounds, $group group snapshots, full $full times, differ came to seed $(cat differ.seed 2>/dev/null || echo 1)"
