# A power cut while a rollback moves, with the origin written and snapshots
# taken: after activation the origin holds what it was rolled back to and what
# was written since, each snapshot its data, and the move goes on to its end.
# host: powercut
# disks: origin=48M store=224M
# rounds: 3
# timeout: 90

phase1()
{
	stamp write "$origin" --tag 1 --sync
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	smv snapshot data a
	stamp write /dev/mapper/s0-data --tag 2 --sync
	smv snapshot data b
	smv set s0/ throttle=$((SMV_SEED % 2 ? 12 : 0))
	smv rollback --undo u data@a
	echo ROLLED
	hammer run state --threads 2 --seed 3 --flush-every 8 /dev/mapper/s0-data &
	cut_soon 0 2500
	smv snapshot data during
	echo TAKEN during
	wait
}

# Once more, during what the activation does.
phase2()
{
	smv activate "$store"
	smv set s0/ throttle=0
	cut_soon 0 1500
	wait_for 60 is s0-data rolling 0
}

phase3()
{
	remember_store "$store"
	smv activate "$store"
	said >said
	must hammer check --threads 2 --seed 3 --durable said /dev/mapper/s0-data
	for pass in 1 2; do
		smv activate data@a data@b data@u
		must stamp check /dev/mapper/s0-data@a --tag 1
		must stamp check /dev/mapper/s0-data@b --tag 2
		must stamp check /dev/mapper/s0-data@u --tag 2
		smv deactivate data@a data@b data@u
		# Whatever is none of hammer's is of the snapshot, not of before.
		must wrong_tags /dev/mapper/s0-data
		smv set s0/ throttle=0
		wait_for 60 is s0-data rolling 0
	done
	if grep -q '^TAKEN during' said; then
		smv activate data@during
		must wrong_tags /dev/mapper/s0-data@during
	fi
	cmpdev /dev/mapper/s0-data "$origin" || fail 'the raw origin differs'
}

# No sector of the former state (tag 2) may be read.
wrong_tags()	# DEV
{
	stamp check "$1" --tag 1 --or-other
}
