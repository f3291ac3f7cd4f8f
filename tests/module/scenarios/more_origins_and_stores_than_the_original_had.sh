# Twelve origins on one store (the original: eight), added while it is active;
# nine stores; each origin with a snapshot of its own.
# timeout: 90

n=$(scaled 12 3)
m=$(scaled 8 2)
mkdisk store 64M
mkdisk disk 64M
smv format -c 16K -l s0 "$store"
smv activate "$store"
group=
i=1
while [ $i -le "$n" ]; do
	dm_make "d$i" "0 2048 linear $disk $((i * 2048))"
	stamp write /dev/mapper/d$i --tag $i
	quiet snapmv add "$store" /dev/mapper/d$i o$i
	quiet snapmv activate o$i
	group="$group o$i s"
	i=$((i + 1))
done
smv snapshot $group
i=1
while [ $i -le "$n" ]; do
	stamp write /dev/mapper/s0-o$i --tag 100 &
	i=$((i + 1))
done
wait
i=1
while [ $i -le "$n" ]; do
	quiet snapmv activate o$i@s
	must stamp check /dev/mapper/s0-o$i@s --tag $i
	must stamp check /dev/mapper/s0-o$i --tag 100
	i=$((i + 1))
done

i=1
while [ $i -le "$m" ]; do
	mkdisk extra 8M
	dm_make "e$i" "0 2048 linear $disk $((65536 + i * 2048))"
	stamp write /dev/mapper/e$i --tag $i
	quiet smv format -c 16K -l more$i "$extra"
	quiet snapmv add "$extra" /dev/mapper/e$i data
	quiet snapmv activate "$extra"
	quiet snapmv snapshot more$i/data s
	stamp write /dev/mapper/more$i-data --tag 200
	i=$((i + 1))
done
i=1
while [ $i -le "$m" ]; do
	quiet snapmv activate more$i/data@s
	must stamp check /dev/mapper/more$i-data@s --tag $i
	i=$((i + 1))
done
eq "$(active_stores | wc -l)" $((m + 1)) 'active stores'
