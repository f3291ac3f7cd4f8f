# Snapshots are read, written and deleted with the origin's own device not
# active; snapshots that nobody ever activated keep their point over restarts.
# timeout: 40

mkdisk origin 8M
mkdisk store 64M
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random 200 --sectors 1-60
smv snapshot data b
cp o.map b.map
cp o.map c.map
smv snapshot data sleeper
stamp write $dev --tag 3 --map o.map --random 200 --sectors 1-60 --seed 2
smv deactivate data
[ ! -e $dev ] || fail 'the origin has a device'

smv activate data@a data@b
must stamp check $dev@a --map a.map
stamp write $dev@a --tag 4 --map a.map --random 200 --sectors 1-60 --seed 3
stamp zero $dev@a --map a.map --random 20 --at whole --chunk 16K --seed 4
must stamp check $dev@b --map b.map
smv snapshot data@a d
cp a.map d.map
stamp write $dev@a --tag 5 --map a.map --random 200 --sectors 1-60 --seed 5
snapshot_is s0 data@d d.map
must stamp check $dev@b --map b.map
smv deactivate data@b
smv delete data@b
settle s0
must stamp check $dev@a --map a.map
must stamp check "$origin" --map o.map

# The origin comes back beside them, with a snapshot of its own device down.
smv activate data
must stamp check $dev --map o.map
stamp write $dev --tag 6 --map o.map --random 300 --sectors 1-60 --seed 6
must stamp check $dev@a --map a.map
smv deactivate s0
check_store "$store"
smv activate "$store"
stamp write $dev --tag 7 --map o.map --random 300 --sectors 1-60 --seed 7
smv deactivate s0
# A single snapshot brings up its store, and nothing else is needed.
smv activate data@sleeper
must stamp check $dev@sleeper --map c.map
snapshot_is s0 data@d d.map
snapshot_is s0 data@a a.map
