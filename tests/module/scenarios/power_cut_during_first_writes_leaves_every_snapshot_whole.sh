# A power cut while threads write to an origin with snapshots, and to a snapshot:
# every snapshot holds exactly its data, and what was flushed is there.
# host: powercut
# disks: origin=32M store=96M
# rounds: 3
# timeout: 90

phase1()
{
	stamp write "$origin" --tag 1 --sync
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	smv snapshot data a
	smv snapshot data@a b
	smv activate data@b
	hammer run ostate --threads 3 --flush-every 10 --dsync 10 /dev/mapper/s0-data &
	hammer run sstate --threads 2 --seed 2 --flush-every 10 --dsync 10 \
		/dev/mapper/s0-data@b | sed 's/^F/G/' &
	wait_for 20 hammering ostate 11 # so each has flushed
	wait_for 20 hammering sstate 11
	cut_soon 300 4000
	wait
}

phase2()
{
	remember_store "$store"
	smv activate "$store"
	said >said
	smv activate data@a
	must stamp check /dev/mapper/s0-data@a --tag 1
	must hammer check --threads 3 --durable said /dev/mapper/s0-data
	smv activate data@b
	sed -n 's/^G/F/p' said >sdurable
	grep -q '^F' said && [ -s sdurable ] || fail 'the hammer never flushed'
	must hammer check --threads 2 --seed 2 --durable sdurable \
		/dev/mapper/s0-data@b
	# What is none of hammer's is as it was, and nothing is zeroes.
	must stamp check /dev/mapper/s0-data@b --tag 1 --or-other
	must stamp check /dev/mapper/s0-data --tag 1 --or-other
	# It goes on.
	stamp write /dev/mapper/s0-data --tag 2
	must stamp check /dev/mapper/s0-data@a --tag 1
}
