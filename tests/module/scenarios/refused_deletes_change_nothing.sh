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
mustfail 'nosuch' snapmv delete data@nosuch
mustfail 'nosuch' snapmv delete nosuch@a
mustfail 'data@a' snapmv delete data@a
mustfail 'data@a' snapmv delete data@b data@a
mustfail 'nosuch' snapmv delete data@b data@nosuch
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
must hammer check --threads 2 /dev/mapper/s0-data@a
smv deactivate data@a
smv activate data@a
must hammer check --threads 2 /dev/mapper/s0-data@a
snapmv list -q >after
must cmp before after
eq "$(field s0 snapshots)" 3 snapshots
eq "$(field s0 ghosts)" 0 ghosts
snapshot_is s0 data@b o.map
snapshot_is s0 data@c a.map
mustfail 'data' snapmv delete data
