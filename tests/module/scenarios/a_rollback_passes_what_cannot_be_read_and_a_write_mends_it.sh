# What a rollback is to move cannot be read on the store: the mover passes that chunk and moves the
# rest; the chunk reads as an error. A write that covers it mends it though it still cannot be read, and
# a snapshot taken before that write has lost it; what can be read again is moved later.
# timeout: 90

mkdisk data 8M
mkdisk store 16M
obey store
stamp write "$data" --tag 1 --map a.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
stamp write $dev --tag 2 --from 0 --count 320 --map o.map
smv set s0/ throttle=pause
smv rollback --no-undo data@a

order store fail read 1
run dmsetup message s0 0 set throttle=0	# the tool would read the store
wait_for 20 is s0-data lost 1
eq "$(field s0-data moved)" 9 'chunks moved'
eq "$(field s0-data rolling)" 1
calm store
smv snapshot data t
smv activate data@t
order store fail read 1
! dd if=$dev of=/dev/null bs=16k count=1 iflag=direct 2>/dev/null || fail 'the chunk reads'
must stamp check $dev --map a.map --from 32
calm store
order store fail read 1
must stamp write $dev --tag 3 --from 0 --count 32 --io 16K
calm store
wait_for 20 is s0-data rolling 0
must stamp check $dev --from 0 --count 32 --tag 3
! dd if=$dev@t of=/dev/null bs=16k count=1 iflag=direct 2>/dev/null || fail 'the snapshot reads'
must stamp check $dev@t --map a.map --from 32
must stamp check $dev --map a.map --from 32

# It can be read again: no write is needed.
smv snapshot data b
cp a.map b.map
stamp write $dev --tag 4 --from 64 --count 128
smv set s0/ throttle=pause
smv rollback --no-undo data@b
order store fail read 1
run dmsetup message s0 0 set throttle=0	# the tool would read the store
wait_for 20 is s0-data lost 1
calm store
wait_for 60 is s0-data rolling 0
must stamp check $dev --map a.map --from 32
smv deactivate s0
run snapmv check "$store"
