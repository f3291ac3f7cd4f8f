# A rollback is paused, a snapshot has been taken since, and a chunk that is still to be moved cannot be
# read. A write over all of it is kept, and what it could not keep is recorded as lost: it ends, although
# nobody else makes a commit.

mkdisk origin 1M
mkdisk store 8M
obey store
dev=/dev/mapper/s0-data
must stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
cp o.map a.map
must stamp write $dev --tag 2 --map o.map
smv set "$store" throttle=pause
smv rollback --no-undo data@a
cp a.map o.map
smv snapshot data since
order store fail read 1
stamp write $dev --tag 3 --map o.map --from 320 --count 32 & writer=$!
wait_for 20 has_ended $writer
wait $writer
calm store
must sh -c "dmesg | grep 'what overwrites it is kept'"
smv set "$store" throttle=0
wait_for 30 is s0-data rolling 0
must stamp check $dev --map o.map
smv activate data@since
must stamp check $dev@since --map a.map --count 320
must stamp check $dev@since --map a.map --from 352
! stamp check $dev@since --map a.map --from 320 --count 32 || fail 'what was lost can be read'
