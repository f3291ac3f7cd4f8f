# Of the writes to an origin, each is counted as one that passed (remapped at once) or as one that was gated,
# whatever it went through, and a discard as neither.
# timeout: 60

mkdisk origin 4M
mkdisk store 8M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data

writes()	# N TAG: one write to each of the first N chunks
{
	for i in $(seq 0 $(($1 - 1))); do
		stamp write $dev --tag "$2" --from $((i * 32)) --count 8
	done
}

counted()	# PASSED GATED WHAT
{
	eq "$(field s0 passed), $(field s0 gated)" "$1, $2" "passed, gated $3"
}

writes 5 1
counted 5 0 'without snapshots'
smv snapshot data a
counted 5 0 'after a snapshot'
writes 10 2
counted 5 10 'by first writes'
writes 10 3
counted 15 10 'by later ones'
stamp discard $dev --from 0 --count 640
counted 15 10 'by a discard'
smv delete --wait data@a
writes 10 4
counted 25 10 'after the snapshot'
