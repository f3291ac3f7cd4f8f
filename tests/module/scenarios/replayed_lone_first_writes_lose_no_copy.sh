# First writes come one at a time, so that each one's record goes with its copy, and nothing
# is flushed between snapshots: at any point of the record of all writes, with any unflushed
# ones lost, each snapshot holds what it held, whether a copy is there or not.
# host: replay
# kernels: 6.1
# long
# disks: data=4M store=24M marks=1M
# points: 150 1
# points-long: 1500 8
# judge-every: 50

phase1()
{
	stamp write "$data" --tag 1 --sync
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$data" data
	smv activate "$store"
	note start
	i=0
	while [ $i -lt 6 ]; do
		take data "l$i"
		stamp write /dev/mapper/s0-data --tag $((i + 2)) --random 60 --sectors 1-8 \
			--seed "$i"
		[ $i -lt 3 ] || drop "data@l$((i - 3))"
		i=$((i + 1))
	done
}

# In a folder with the volumes as files: the replay has compared the snapshots.
judge()
{
	rm -f ./*@*
}

phase2()
{
	each_point :
}
