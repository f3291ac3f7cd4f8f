# The snapshot that an origin is being rolled back to is deleted, and all the
# others as well, at the start, in the middle and after a restart (the original
# crashed): the rollback ends as it began, and everything comes back.
# timeout: 60

mkdisk origin 16M
mkdisk store 64M
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
for moment in start middle restart; do
	smv snapshot data a
	cp o.map a.map
	smv snapshot data@a b
	smv activate data@b
	stamp write $dev@b --tag 2 --map a.map --random 200 --sectors 1-40
	smv deactivate data@b
	stamp write $dev --tag 3 --map o.map --random 300 --sectors 1-40 --seed 2
	smv set s0/ throttle=pause
	smv rollback --undo before data@b
	cp o.map before.map
	cp a.map o.map
	case $moment in
	start)	smv delete data@b data@a ;;
	middle)	smv set s0/ throttle=1
		wait_for 20 sh -c "[ \$(dmsetup status s0-data | cut -d ' ' -f 12) -gt 20 ]"
		smv delete data@b data@a ;;
	restart)
		smv delete data@b
		smv deactivate -f s0
		check_store "$store"
		smv activate "$store"
		smv delete data@a ;;
	esac
	must stamp check $dev --map o.map
	snapshot_is s0 data@before before.map
	smv delete data@before
	stamp write $dev --tag 4 --map o.map --random 100 --sectors 1-40 --seed 3
	smv set s0/ throttle=0
	wait_for 30 is s0 rolling 0
	must stamp check $dev --map o.map
	settle s0
	wait_for 30 is s0 ghosts 0
	eq "$(field s0 data)" 0 'data chunks'
done
smv deactivate s0
must stamp check "$origin" --map o.map
