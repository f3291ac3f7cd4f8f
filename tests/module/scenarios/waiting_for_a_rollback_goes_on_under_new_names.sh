# Who waits for a rollback goes on waiting when its origin or its store is renamed, and is told when the
# origin is deactivated under its new name.
# timeout: 30

mkdisk data 8M
mkdisk store 48M
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2
smv set s0/ throttle=pause

snapmv rollback --wait --undo back data@a >wait.out 2>wait.err & pid=$!
wait_for 20 is s0-data rolling 1
wait_for 20 grep -qx data@back wait.out	# its name is told before the wait
smv rename data new
smv set s0/ label=s1
sleep 2.5	# it looks each second: what it must not do is end
must kill -0 $pid
eq "$(field s1-new rolling)" 1
smv set s1/ throttle=0
wait $pid || fail "ended with: $(cat wait.err)"
eq "$(cat wait.out)" data@back
eq "$(field s1-new rolling)" 0
must stamp check /dev/mapper/s1-new --tag 1

smv set s1/ throttle=pause
snapmv rollback --wait --no-undo new@back >wait.out 2>wait.err & pid=$!
wait_for 20 is s1-new rolling 1
smv rename new data
smv deactivate -f data
! wait $pid || fail 'a rollback that did not end'
must grep 'was deactivated.*activate it' wait.err
smv activate data
smv set s1/ throttle=0
wait_for 20 is s1-data rolling 0
must stamp check /dev/mapper/s1-data --tag 2
