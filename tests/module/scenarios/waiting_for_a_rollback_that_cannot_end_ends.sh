# A rollback whose snapshot has lost a chunk moves all the others and cannot end: who waits for it is told
# so. So is who waits while the origin is deactivated.
# timeout: 60

mkdisk data 8M
mkdisk store 16M
obey data
smv format -c 16K -l s0 "$store"
stamp write "$data" --tag 1
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2 --from 0 --count 256
order data fail read 1
stamp write /dev/mapper/s0-data --tag 2 --from 512 --count 32
calm data
wait_for 20 is s0 lost 1

say 'a chunk is lost'
mustfail 'are lost or cannot be read.*write them anew' snapmv rollback --wait --undo back data@a
eq "$(field s0-data rolling)" 1
stamp write /dev/mapper/s0-data --tag 3 --from 512 --count 32
wait_for 20 is s0-data rolling 0

say 'deactivated meanwhile'
smv set s0/ throttle=pause
snapmv rollback --wait data@back >wait.out 2>wait.err &
wait_for 20 is s0-data rolling 1
smv deactivate -f data
! wait $! || fail 'a rollback that did not end'
must grep 'data@back: was deactivated.*activate it' wait.err
smv activate data
smv set s0/ throttle=0
wait_for 20 is s0-data rolling 0
