# An activation that is told to end while it takes away what was recorded of an origin ends with the origin up, or
# with what was recorded still there: what is changed on a raw device that is down is noticed.
# timeout: 60

mkdisk data 16M
mkdisk store 32M
obey store
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1
smv snapshot data a

for signal in TERM HUP; do
	smv deactivate data
	wait_for 9 rests s0
	order store hold write 1
	snapmv activate data & pid=$!
	wait_for 20 holds store
	must test ! -e /dev/mapper/s0-data
	kill -$signal $pid
	calm store
	wait $pid || :
	if [ ! -e /dev/mapper/s0-data ]; then
		stamp write "$data" --tag 2 --count 8
		mustfail 'data.*without the module.*-f' snapmv activate data
		stamp write "$data" --tag 1 --count 8
	fi
	smv activate data
	eq "$(suspect data@a)" false
	must stamp check /dev/mapper/s0-data --tag 1
done
