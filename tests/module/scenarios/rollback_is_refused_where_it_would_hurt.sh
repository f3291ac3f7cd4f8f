# Rollback with the origin closed, open (refused but with -f), mounted, itself or what lies on it (refused
# always), being read and written; a second one while it runs is refused;
# deactivating in mid-rollback is refused but with -f, and removal also once it is down; after
# deactivation and activation it goes on. Deleting, writing and activating its
# source while it runs changes nothing.
# timeout: 90

mkdisk origin 24M
mkdisk store 96M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random 500 --sectors 1-32
smv snapshot data b
cp o.map b.map
stamp write $dev --tag 3 --map o.map --random 500 --sectors 1-32 --seed 2
smv snapshot data c
cp o.map c.map

mustfail 'no store has this volume' snapmv rollback data@nosuch
mustfail 'is an origin' snapmv rollback data
mustfail 'data@b: there is a snapshot of this name' snapmv rollback --undo b data@a
exec 9<$dev
mustfail 'open' snapmv rollback data@a
eq "$(field s0-data rolling)" 0 rolling
eq "$(field s0 snapshots)" 3 snapshots
smv set s0/ throttle=pause
smv rollback -f --undo u1 data@a
exec 9<&-
must stamp check $dev --map a.map
cp a.map o.map
mustfail 'a rollback of data is running' snapmv rollback data@b
mustfail 'a rollback of data is running' snapmv rollback -f data@a
! dmsetup message s0 0 rollback data@b % 0 1 || fail 'a second one was begun'

# The source: written, then deleted (which crashed the original).
smv activate data@a
stamp write $dev@a --tag 9 --map a.map --random 300 --sectors 1-40 --seed 3
must stamp check $dev@a --map a.map
sleep 0.3 <$dev@a &	# open for a moment, as by udev after each writer
smv deactivate data@a
must stamp check $dev --map o.map
smv delete data@a
must stamp check $dev --map o.map
stamp write $dev --tag 4 --map o.map --random 200 --sectors 1-40 --seed 4

mustfail 'a rollback is running' snapmv deactivate s0/
smv deactivate -f s0/
smv activate "$store"
must stamp check $dev --map o.map
eq "$(field s0-data rolling)" 1 rolling
stamp write $dev --tag 5 --map o.map --random 200 --sectors 1-40 --seed 5
mustfail 'a rollback of data is running' snapmv rollback data@b
smv delete data@b
smv set s0/ throttle=0
# Read and written while it moves.
overlap --threads 2 --count 300 --max 64 --from 0 --span 16384 --map o.map $dev
wait_for 60 is s0-data rolling 0
must stamp check $dev --map o.map
snapshot_is s0 data@c c.map
snapshot_is s0 data@u1 c.map

# Mounted: never.
smv snapshot data d
mkfs ext4 $dev
mnt $dev data
mustfail 'mounted' snapmv rollback data@d
mustfail 'mounted' snapmv rollback -f data@d
unmnt data
dm_make upon "0 $(sectors $dev) linear $dev 0"	# nor what lies on it, as by LVM
mnt /dev/mapper/upon data
mustfail 'mounted on /mnt/data' snapmv rollback -f data@d
unmnt data
dm_remove upon
# Without an undo point; it waits.
n=$(field s0 snapshots)
smv rollback --wait --no-undo data@d
eq "$(field s0 snapshots)" "$n" snapshots
must stamp check $dev --map o.map
# No snapshot is left, and the raw origin is not what it should be yet: it is not removed.
stamp write $dev --tag 6 --random 100 --sectors 1-32 --seed 6
smv set s0/ throttle=pause
smv rollback --no-undo data@d
smv delete data@c data@d data@u1
mustfail 'is active' snapmv remove data
smv deactivate -f data
mustfail 'a rollback of it is running' snapmv remove data
smv activate data
smv set s0/ throttle=0
wait_for 60 is s0-data rolling 0
take_down
must stamp check "$origin" --map o.map
