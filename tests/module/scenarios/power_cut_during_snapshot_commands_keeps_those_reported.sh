# A power cut while snapshots are taken under load: each one that was reported
# is there, and holds all that was acknowledged before its command; so are those of
# a group, all or none.
# host: powercut
# disks: one=24M two=24M store=128M
# rounds: 3
# timeout: 90

phase1()
{
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$one" one
	smv add "$store" "$two" two
	smv activate "$store"
	hammer run state --threads 3 --sectors 1-40 /dev/mapper/s0-one \
		/dev/mapper/s0-two &
	wait_for 20 hammering state
	cut_soon 1000 5000
	i=0
	while [ $i -lt 100 ]; do
		hammer mark state before$i
		quiet snapmv snapshot one g$i two g$i
		hammer mark state after$i
		echo "TAKEN g$i"
		i=$((i + 1))
	done
	wait
}

phase2()
{
	remember_store "$store"
	smv activate "$store"
	said >said
	snapmv list -q >names
	cat names
	count=0
	for name in $(sed -n 's/^TAKEN //p' said); do
		grep -q "one@$name\$" names || fail "$name of one is lost"
		grep -q "two@$name\$" names || fail "$name of two is lost"
		count=$((count + 1))
	done
	say "$count snapshots were reported"
	# One more may be there: of both, or of none.
	eq "$(grep -c 'one@' names)" "$(grep -c 'two@' names)" 'half a group'
	last=$((count - 1))
	first=$((last - 2))
	while [ $first -le $last ]; do
		if [ $first -ge 0 ]; then
			smv activate one@g$first two@g$first
			must hammer check --threads 3 --sectors 1-40 --marks said \
				--before before$first --after after$first \
				/dev/mapper/s0-one@g$first /dev/mapper/s0-two@g$first
			smv deactivate one@g$first two@g$first
		fi
		first=$((first + 1))
	done
	if grep -q "one@g$count\$" names && grep -q "^M before$count " said; then
		smv activate one@g$count two@g$count
		must hammer check --threads 3 --sectors 1-40 --marks said \
			--before before$count \
			/dev/mapper/s0-one@g$count /dev/mapper/s0-two@g$count
	fi
}
