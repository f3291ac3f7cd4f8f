# Origin, active and suspended snapshots and the store are suspended and resumed
# in any order and at the same time, under load, with snapshots taken meanwhile:
# everything ends, and no read is wrong.
# timeout: 90

mkdisk origin 16M
mkdisk store 128M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data b
smv activate data@a data@b
nice -n 15 overlap --time 1000000 --threads 2 $dev $dev@a $dev@b >overlap.out 2>&1 & load=$!

cycle()	# NAME N [OPTION]
{
	cy_i=0
	while [ $cy_i -lt "$2" ]; do
		timeout 200 dmsetup suspend ${3:-} "$1"
		timeout 200 dmsetup resume "$1"
		cy_i=$((cy_i + 1))
	done
}
n=$(scaled 12 4)
say 'one after the other'
for name in s0-data s0-data@a s0; do
	cycle $name 3
	cycle $name 2 --noflush
	cycle $name 1 --nolockfs
done
say 'at the same time'
cycle s0-data "$n" & p1=$!
cycle s0-data@a "$n" --noflush & p2=$!
cycle s0-data@b "$n" & p3=$!
i=0
while [ $i -lt "$n" ]; do
	quiet timeout 200 snapmv snapshot data x$i
	i=$((i + 1))
done
wait $p1
wait $p2
wait $p3
say 'the store, too'
cycle s0 "$n" & p1=$!
cycle s0-data "$n" & p2=$!
cycle s0-data@b "$n" & p3=$!
wait $p1
wait $p2
wait $p3
say 'snapshots suspended, then the origin'
must timeout 200 dmsetup suspend s0-data@a
must timeout 200 dmsetup suspend s0-data
must timeout 200 snapmv snapshot data y
must timeout 200 dmsetup resume s0-data
must timeout 200 dmsetup resume s0-data@a
kill -0 $load || { cat overlap.out; fail 'the load has ended'; }
kill $load
wait $load || :
[ ! -s overlap.out ] || { cat overlap.out; fail 'overlap found something'; }
must overlap --seed 2 --count 100 $dev $dev@a $dev@b
eq "$(field s0 dropped)" 0 dropped
