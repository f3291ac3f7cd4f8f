# A power cut while snapshots are deleted and the cleaner works, with the origin
# written: those reported as deleted stay so, all others hold exactly their data,
# and after the cleaning that goes on the chunks in use are what they should be.
# host: powercut
# disks: origin=16M store=128M
# rounds: 3
# timeout: 90

phase1()
{
	stamp write "$origin" --tag 1 --sync
	smv format -c 8K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	dev=/dev/mapper/s0-data
	smv snapshot data keep
	i=2
	while [ $i -le 9 ]; do
		stamp write $dev --tag $i --from $((i * 2000)) --count 12000
		quiet snapmv snapshot data s$i
		[ $((i % 3)) -ne 0 ] || {
			quiet snapmv activate data@s$i
			stamp write $dev@s$i --tag 5$i
			quiet snapmv snapshot data@s$i t$i
			quiet snapmv deactivate data@s$i
		}
		i=$((i + 1))
	done
	smv deactivate s0/
	smv activate "$store"
	hammer run state --threads 1 --pause 2000 $dev &
	cut_soon 0 3500
	for name in s4 s3 s9 s6 t9 s2 s8 s7; do
		echo "BEGUN $name"
		snapmv delete data@$name
		echo "DELETED $name"
	done
	wait
}

phase2()
{
	smv activate "$store"
	cut_soon 0 1000
	settle s0
}

phase3()
{
	remember_store "$store"
	smv activate "$store"
	dev=/dev/mapper/s0-data
	said >said
	snapmv list -q >names
	for name in $(sed -n 's/^DELETED //p' said); do
		! grep -q "@$name\$" names || fail "$name is back"
	done
	for name in keep s2 s3 s4 s5 s6 s7 s8 s9 t3 t6 t9; do
		grep -q "^BEGUN $name" said || grep -q "@$name\$" names ||
			fail "$name is gone"
	done
	settle s0
	smv activate data@keep data@s5
	must stamp check $dev@keep --tag 1
	must stamp check $dev@s5 --tag 5 --from 10000 --count 12000
	must stamp check $dev@s5 --tag 1 --from 22000
	must stamp check $dev@s5 --tag 4 --from 8000 --count 2000
	for i in 3 6; do
		smv activate data@t$i
		must stamp check $dev@t$i --tag 5$i
		smv deactivate data@t$i
	done
	smv deactivate data@keep data@s5
	# shellcheck disable=SC2046
	smv delete --wait $(snapmv list -q | grep '@')
	eq "$(field s0 data)" 0 'chunks used at the end'
	eq "$(field s0 ghosts)" 0 ghosts
}
