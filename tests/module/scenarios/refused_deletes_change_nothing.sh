# Deletes of unknown volumes, of active snapshots and of origins are refused,
# under a running writer too, alone or among others, and change nothing.
# timeout: 40

mkdisk origin 8M
mkdisk store 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1 --map o.map
smv snapshot data a
cp o.map a.map
smv snapshot data b
smv snapshot data@a c
smv activate data@a
snapmv list -q >before
mustfail 'no store has this volume' snapmv delete data@nosuch
mustfail 'no store has this volume' snapmv delete nosuch@a
mustfail 'data@a: is active' snapmv delete data@a
mustfail 'data@a: is active' snapmv delete data@b data@a
mustfail 'data@nosuch: .* no such volume' snapmv delete data@b data@nosuch
hammer run state --threads 2 /dev/mapper/s0-data@a & pid=$!
wait_for 20 hammering state
i=0
while [ $i -lt 10 ]; do
	mustfail 'data@a.*active' snapmv delete data@a
	i=$((i + 1))
done
# The kernel itself refuses, whatever the tool looks at first.
for message in 'delete data@a' 'delete data@b data@a' 'delete data@b data@x' \
		'delete data@b data@b' \
		'delete data' 'delete' 'remove data'; do
	! dmsetup message s0 0 $message 2>/dev/null ||
		fail "not refused: $message"
done
hammer stop state
wait $pid
hammer mark state end >marks
all() { must hammer check --threads 2 --marks marks --before end --after end /dev/mapper/s0-data@a; }
all
smv deactivate data@a
smv activate data@a
all
snapmv list -q >after
must cmp before after
eq "$(field s0 snapshots)" 3 snapshots
eq "$(field s0 ghosts)" 0 ghosts
snapshot_is s0 data@b o.map
snapshot_is s0 data@c a.map
mustfail 'is an origin' snapmv delete data
