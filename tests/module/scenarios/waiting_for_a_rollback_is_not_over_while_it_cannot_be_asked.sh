# Who waits for a rollback waits on while its origin is renamed all the time, so that it often is not found by the
# name it had a moment ago.
# timeout: 90

mkdisk data 8M
mkdisk store 48M
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2
smv set s0/ throttle=pause

messages s0 --repeat 10000000 rename data new -- rename new data & renaming=$!
started() { has_ended $pid || is s0-data rolling 1; }
for i in 1 2 3 4 5 6 7 8; do
	stamp write /dev/mapper/s0-data --tag 2 --count 640
	until is s0-data rolling 1; do
		snapmv rollback --wait --no-undo data@a 2>err & pid=$!
		wait_for 20 started
	done
	sleep 0.5
	must kill -0 $pid
	kill $pid
	wait $pid || :
	smv set s0/ throttle=0
	wait_for 20 is s0-data rolling 0
	smv set s0/ throttle=pause
done
kill $renaming
wait $renaming || :
