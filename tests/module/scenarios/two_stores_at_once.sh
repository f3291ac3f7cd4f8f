# Two stores with origins of the same name, written in parallel: names say which
# store where they must; nothing mixes; each goes down alone.
# timeout: 60

for i in 0 1; do
	mkdisk origin$i 12M
	mkdisk store$i 64M
done
stamp write "$origin0" --tag 1 --map o0.map
stamp write "$origin1" --tag 2 --map o1.map
smv format -c 16K -l s0 "$store0"
smv format -c 64K -l s1 "$store1"
smv add "$store0" "$origin0" data
smv add "$store1" "$origin1" data
smv activate "$store0" "$store1"
mustfail 'several stores' snapmv snapshot data a
smv snapshot s0/data a
smv snapshot s1/data a
n=$(scaled 400)
hammer run h0 --threads 3 --seed 1 --count "$n" /dev/mapper/s0-data & p0=$!
hammer run h1 --threads 3 --seed 2 --count "$n" /dev/mapper/s1-data & p1=$!
for i in 0 1; do
	smv snapshot s$i/data b
	snapshot_is s$i data@a o$i.map
done
wait $p0
wait $p1
for i in 0 1; do
	must hammer check --threads 3 --seed $((i + 1)) --count "$n" /dev/mapper/s$i-data
	snapshot_is s$i data@a o$i.map
done
smv deactivate s0/
must hammer check --threads 3 --seed 2 --count "$n" /dev/mapper/s1-data
snapshot_is s1 data@a o1.map
smv activate "$store0"
must hammer check --threads 3 --seed 1 --count "$n" /dev/mapper/s0-data
smv rollback --wait s0/data@a
must stamp check /dev/mapper/s0-data --map o0.map
must hammer check --threads 3 --seed 2 --count "$n" /dev/mapper/s1-data
