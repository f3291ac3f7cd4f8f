# Two origins of one store with snapshots, written in parallel by threads of
# many sizes: nothing mixes, of neither; each is deleted and rolled back alone.
# timeout: 60

mkdisk a 16M
mkdisk b 12M
mkdisk store 96M
stamp write "$a" --tag 1 --map a.map
stamp write "$b" --tag 2 --map b.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$a" a
smv activate "$store"
smv snapshot a one
cp a.map a1.map
# The second one comes while the store is active.
smv add "$store" "$b" b
smv activate b
smv snapshot a two b two
cp a.map a2.map
cp b.map b2.map
n=$(scaled 400)
hammer run ha --threads 3 --seed 1 --count "$n" /dev/mapper/s0-a & pa=$!
hammer run hb --threads 3 --seed 2 --count "$n" /dev/mapper/s0-b & pb=$!
snapshot_is s0 a@two a2.map
snapshot_is s0 b@two b2.map
smv snapshot a@one three
smv activate a@three
stamp write /dev/mapper/s0-a@three --tag 3 --map a1.map --random 300 --sectors 1-40
wait $pa
wait $pb
must hammer check --threads 3 --seed 1 --count "$n" /dev/mapper/s0-a
must hammer check --threads 3 --seed 2 --count "$n" /dev/mapper/s0-b
snapshot_is s0 a@three a1.map
snapshot_is s0 a@one a2.map
snapshot_is s0 a@two a2.map
snapshot_is s0 b@two b2.map
# One origin comes back, the other one stays.
smv rollback --wait --no-undo b@two
must stamp check /dev/mapper/s0-b --map b2.map
must hammer check --threads 3 --seed 1 --count "$n" /dev/mapper/s0-a
smv delete b@two a@two
settle s0
must hammer check --threads 3 --seed 1 --count "$n" /dev/mapper/s0-a
must stamp check /dev/mapper/s0-b --map b2.map
snapshot_is s0 a@one a2.map
smv deactivate b
smv remove b
must hammer check --threads 3 --seed 1 --count "$n" /dev/mapper/s0-a
