# Nine origins on one store (the original: eight), added while it is active, and
# nine stores; each origin with a snapshot of its own, all of them written at once.
# timeout: 60

n=$(scaled 9 3)
mkdisk store 64M
mkdisk disk 64M
smv format -c 16K -l s0 "$store"
smv activate "$store"
origins= groups= snapshots=
i=1
while [ $i -le "$n" ]; do
	dm_make "d$i" "0 2048 linear $disk $((i * 2048))"
	stamp write /dev/mapper/d$i --tag $i
	quiet snapmv add "$store" /dev/mapper/d$i o$i
	origins="$origins o$i" groups="$groups o$i s" snapshots="$snapshots o$i@s"
	i=$((i + 1))
done
smv activate $origins
smv snapshot $groups
stores=
i=1
while [ $i -lt "$n" ]; do
	mkdisk extra 8M
	dm_make "e$i" "0 2048 linear $disk $((65536 + i * 2048))"
	stamp write /dev/mapper/e$i --tag $i
	quiet smv format -c 16K -l more$i "$extra"
	quiet snapmv add "$extra" /dev/mapper/e$i data
	stores="$stores $extra"
	i=$((i + 1))
done
smv activate $stores
eq "$(active_stores | wc -l)" "$n" 'active stores'
more=
i=1
while [ $i -lt "$n" ]; do
	quiet snapmv snapshot more$i/data s
	more="$more more$i/data@s"
	i=$((i + 1))
done
writers=
for dev in /dev/mapper/s0-o* /dev/mapper/more*-data; do
	stamp write "$dev" --tag 100 & writers="$writers $!"
done
for writer in $writers; do
	wait "$writer"
done
smv activate $snapshots
for volume in $more; do
	quiet snapmv activate "$volume"
done
i=1
while [ $i -le "$n" ]; do
	must stamp check /dev/mapper/s0-o$i@s --tag $i
	must stamp check /dev/mapper/s0-o$i --tag 100
	if [ $i -lt "$n" ]; then
		must stamp check /dev/mapper/more$i-data@s --tag $i
		must stamp check /dev/mapper/more$i-data --tag 100
	fi
	i=$((i + 1))
done
