# Threads write a snapshot and flush it, with nothing beside that would commit for them, and snapshots are
# taken of it and deleted: at any point of the record of all writes, with any unflushed ones lost, it has what
# was flushed, and those taken of it are exact points, which stay what they were.
# host: replay
# long
# disks: data=4M store=24M marks=1M
# points: 100 1
# points-long: 1000 8
# judge-every: 2

phase1()
{
	stamp write "$data" --tag 1 --sync
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$data" data
	smv activate "$store"
	note start
	stamp write /dev/mapper/s0-data --tag 2
	take data a
	stamp write /dev/mapper/s0-data --tag 3 --from 0 --count 4096
	note 'own data@a'
	smv activate data@a
	hammer run state --threads 2 --seed 4 --flush-every 6 --pause 1000 --notes "$marks" \
		/dev/mapper/s0-data@a >flushed & writer=$!
	i=0
	while [ $i -lt 6 ]; do
		wait_for 60 has_flushed $((i * 30 + 20))
		hammer mark state "before$i" | logmark "$marks" -
		take data@a "c$i"
		hammer mark state "after$i" | logmark "$marks" -
		[ $i -lt 2 ] || drop "data@c$((i - 2))"
		i=$((i + 1))
	done
	hammer stop state
	wait $writer
}

has_flushed()	# TIMES
{
	[ "$(wc -l <flushed)" -ge "$1" ]
}

# What threads had flushed of data@a is on DEV.
durable()	# DEV
{
	grep -q '^own' said || return 0
	sed -n 's/^F4 /F /p' said >durable
	must hammer check --threads 2 --seed 4 --durable durable "$1"
	must stamp check "$1" --tag 2 --or-other
}

# In a folder with the volumes as files.
judge()
{
	[ ! -e data@a ] || durable data@a
	for i in 0 1 2 3 4 5; do
		[ ! -e data@c$i ] || ! grep -q "^M after$i 1" said ||
			must hammer check --threads 2 --seed 4 --marks said \
				--before before$i --after after$i data@c$i
	done
	rm -f ./*@*
}

phase2()
{
	each_point flushed_is_there
}

flushed_is_there()
{
	grep -q '^own' said || return 0
	smv activate data@a
	durable /dev/mapper/s0-data@a
}
