# A deactivation that is told to end while it records what an origin holds, which is down by then, ends when it
# has: what is changed after that is noticed.
# timeout: 60

mkdisk data 16M
mkdisk store 32M
obey data
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a

reads_so_far() { requests data | cut -d ' ' -f 1; }
before=$(reads_so_far)
smv deactivate data
reads=$(($(reads_so_far) - before))
smv activate data

for how in data s0; do
	stamp write /dev/mapper/s0-data --tag 1
	order data hold read $((reads - 20))
	snapmv deactivate $how & pid=$!
	wait_for 20 holds data
	must test ! -e /dev/mapper/s0-data
	kill -TERM $pid
	calm data
	status=0
	wait $pid || status=$?
	eq $status 143 "exit status of deactivate $how"
	must test -e /dev/mapper/s0
	stamp write "$data" --tag 2 --count 8
	mustfail 'data.*without the module.*-f' snapmv activate data
	stamp write "$data" --tag 1 --count 8
	smv activate data
	eq "$(suspect data@a)" false
done
