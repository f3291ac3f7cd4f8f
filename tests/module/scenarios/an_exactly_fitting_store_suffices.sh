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
cond "$(field s0 available)" -gt 300
fill_store s0 /dev/mapper/s0-data 2
say "$filled chunks of $(field s0 chunks) taken, $(field s0 meta) for metadata"
eq "$(field s0 data)" $filled 'chunks used'
eq "$(field s0 dropped)" 0 dropped
eq "$(field s0 full)" 0 full
# At most a fifth of a small store is not for data.
cond $((filled * 5)) -ge $(($(field s0 chunks) * 4))
smv activate data@a
must stamp check /dev/mapper/s0-data@a --tag 1
eq "$(field s0-data@a state)" ok
stamp write /dev/mapper/s0-data --tag 2 --from $((filled * 32)) --count 32
eq "$(field s0-data@a state)" invalid
eq "$(field s0 full)" 1 full
cond "$(field s0 dropped)" -ge 1
stamp check /dev/mapper/s0-data --tag 2 --count $((filled * 32 + 32))
smv deactivate data@a
smv delete --wait data@a
eq "$(field s0 data)" 0 'chunks used after the delete'
