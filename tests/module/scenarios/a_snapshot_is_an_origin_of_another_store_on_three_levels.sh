# A snapshot's device is the origin of a second store, whose snapshot is that of a
# third: all of them written at once keep their own, and come up again.
# timeout: 60

mkdisk origin 8M
for i in 0 1 2; do
	mkdisk store$i 48M
done
stamp write "$origin" --tag 1 --map o0.map
smv format -c 16K -l s0 "$store0"
smv format -c 64K -l s1 "$store1"
smv format -c 4K -l s2 "$store2"
smv add "$store0" "$origin" data
smv activate "$store0"
smv snapshot data a
smv activate data@a
smv add "$store1" /dev/mapper/s0-data@a mid
smv activate "$store1"
smv snapshot mid b
smv activate mid@b
smv add "$store2" /dev/mapper/s1-mid@b top
smv activate "$store2"
smv snapshot top c
smv activate top@c

for i in 1 2 3 4; do
	cp o0.map o$i.map
done
write_all()	# TAG SEED
{
	i=0
	pids=
	for dev in s0-data s1-mid s2-top s2-top@c; do
		stamp write /dev/mapper/$dev --tag $(($1 + i)) --map o$i.map \
			--random "$(scaled 200 20)" --sectors 1-40 --seed $(($2 + i)) &
		pids="$pids $!"
		i=$((i + 1))
	done
	for pid in $pids; do
		wait $pid
	done
}
check_all()
{
	i=0
	for dev in s0-data s1-mid s2-top s2-top@c; do
		must stamp check /dev/mapper/$dev --map o$i.map
		i=$((i + 1))
	done
}
write_all 10 1
check_all
smv snapshot top@c d
cp o3.map d.map
write_all 20 10
check_all
snapshot_is s2 top@d d.map
# What lies under the others cannot go.
mustfail 'open|use' snapmv deactivate s0
mustfail 'open|use' snapmv deactivate data@a
smv deactivate s2
smv deactivate s1
smv deactivate s0
check_store "$store0"
check_store "$store1"
smv activate data@a
smv activate data
smv activate "$store1"
smv activate mid@b
smv activate "$store2"
smv activate top@c
check_all
snapshot_is s2 top@d d.map
