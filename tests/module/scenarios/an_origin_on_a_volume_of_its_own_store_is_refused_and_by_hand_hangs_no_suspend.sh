# An origin whose device lies on a volume of its own store, be it through another device, is refused,
# and both are named. Put there by hand it is suspended with its store, under load, all the same.
# timeout: 60

mkdisk disk 8M
mkdisk store 32M
stamp write "$disk" --tag 1 --map disk.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$disk" disk
dm_make between "0 8192 linear $disk 0"
smv add "$store" /dev/mapper/between upper
dm_remove between
mustfail 'upper.*not there' snapmv activate "$store"
smv snapshot disk a
smv activate disk@a
for below in s0-disk s0-disk@a; do
	dm_make between "0 8192 linear /dev/mapper/$below 0"
	mustfail "/dev/mapper/between.*/dev/mapper/$below[, ]" snapmv activate upper
	mustfail "/dev/mapper/between.*/dev/mapper/$below[, ]" snapmv activate -f s0/
	mustfail "/dev/mapper/between.*/dev/mapper/$below[, ]" snapmv set upper device=/dev/mapper/between
	mustfail "/dev/mapper/between.*/dev/mapper/$below[, ]" snapmv add "$store" /dev/mapper/between more
	dm_remove between
done
# Another store's volume may lie there.
mkdisk other 32M
dm_make between "0 8192 linear /dev/mapper/s0-disk 0"
smv format -c 16K -l s1 "$other"
smv add "$other" /dev/mapper/between upper
smv activate "$other"
smv deactivate s1

say 'by hand'
dm_make by-hand "0 8192 snap-mv-origin /dev/mapper/s0 upper /dev/mapper/between"
nice -n 15 overlap --time 1000000 --threads 4 /dev/mapper/by-hand >overlap.out 2>&1 & load=$!
for i in 1 2 3 4 5; do
	must dmsetup message s0 0 snapshot 0 0 upper a$i %
	commits=$(field s0 commits)
	wait_for 20 eval "[ \$(field s0 commits) -gt $commits ]"
	dmsetup suspend s0 & suspend=$!
	wait_for 20 has_ended $suspend
	wait $suspend
	must dmsetup resume s0
done
kill $load
wait $load || :
[ ! -s overlap.out ] || { cat overlap.out; fail 'overlap found something'; }
must overlap --seed 2 --count 100 /dev/mapper/by-hand
must stamp check /dev/mapper/s0-disk@a --map disk.map
dm_remove by-hand
dm_remove between
