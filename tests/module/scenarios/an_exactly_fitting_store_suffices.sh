# What a store says to be available can be used, all of it: a snapshot stays
# valid to the last chunk, and loses its first one with the next.
# timeout: 60

mkdisk origin 32M
mkdisk store 16M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1
smv activate "$store"
smv snapshot data a
left=$(field s0 available)
cond "$left" -gt 300
done=0
while [ "$left" -gt 0 ]; do
	n=$((left > 40 ? left - 40 : (left + 3) / 4))
	stamp write /dev/mapper/s0-data --tag 2 --from $((done * 32)) \
		--count $((n * 32))
	done=$((done + n))
	checkpointed s0
	left=$(field s0 available)
done
say "$done chunks of $(field s0 chunks) taken, $(field s0 meta) for metadata"
eq "$(field s0 data)" $done 'chunks used'
eq "$(field s0 dropped)" 0 dropped
eq "$(field s0 full)" 0 full
# At most a fifth of a small store is not for data.
cond $((done * 5)) -ge $(($(field s0 chunks) * 4))
smv activate data@a
must stamp check /dev/mapper/s0-data@a --tag 1
eq "$(field s0-data@a state)" ok
stamp write /dev/mapper/s0-data --tag 2 --from $((done * 32)) --count 32
eq "$(field s0-data@a state)" invalid
eq "$(field s0 full)" 1 full
cond "$(field s0 dropped)" -ge 1
stamp check /dev/mapper/s0-data --tag 2 --count $((done * 32 + 32))
smv deactivate data@a
smv delete --wait data@a
eq "$(field s0 data)" 0 'chunks used after the delete'
