# The canary of the power cut rig: with disks that only pretend to flush, the
# check of what was flushed has to fail.
# host: powercut
# disks: a=16M
# rounds: 1
# cuts: none
# rig: pretend
# timeout: 60

phase1()
{
	hammer run state --threads 2 --flush-every 20 "$a" &
	wait_for 20 hammering state 21 # so each has flushed
	cut_soon 1000 1500
	wait
}

phase2()
{
	said >said
	grep -q '^F' said || fail 'the hammer never flushed'
	mustfail 'had flushed up to' hammer check --threads 2 --durable said "$a"
}
