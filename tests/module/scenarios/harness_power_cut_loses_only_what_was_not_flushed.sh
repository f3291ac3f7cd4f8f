# The rig of the power cut tests is honest: what was not flushed is lost (some
# of it), what was flushed or written with FUA is there.
# host: powercut
# disks: a=16M b=16M c=16M d=16M
# rounds: 2
# cuts: none any torn
# timeout: 60

phase1()
{
	stamp write "$a" --tag 1 --sync
	stamp write "$b" --tag 1 --sync
	stamp write "$a" --tag 2 --io 16K
	stamp write "$b" --tag 2 --io 16K --sync
	hammer run state --threads 2 --dsync 100 --count 200 "$c"
	# All of it was written with FUA (of which QEMU makes a write and a flush): as good as a flush at the end.
	echo 'F 0 200'
	echo 'F 1 200'
	echo SECOND
	hammer run state2 --threads 2 --seed 2 --flush-every 20 "$d" &
	wait_for 20 hammering state2 21 # so each has flushed
	cut_soon 500 1500
	wait
}

phase2()
{
	# Tag 1 at least is everywhere, for that was flushed.
	must stamp check "$a" --tag 1 --or-from 1
	mustfail 'wrong sectors' sh -c "stamp check $a --tag 2 2>&1 | tail -1 >&2; exit 1"
	must stamp check "$b" --tag 2
	said >said
	sed '/^SECOND/q' said >first
	must hammer check --threads 2 --durable first "$c"
	sed -n '/^SECOND/,$p' said >second
	grep -q '^F' second || fail 'the hammer never flushed'
	must hammer check --threads 2 --seed 2 --durable second "$d"
}
