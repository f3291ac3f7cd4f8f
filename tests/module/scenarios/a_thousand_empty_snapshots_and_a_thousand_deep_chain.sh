# 1,000 snapshots of one origin with nothing in them, and a chain of 1,000
# snapshots of snapshots: taken, found again after a restart, read, deleted.
# timeout: 120

mkdisk origin 512K
mkdisk other 512K
mkdisk store 64M
stamp write "$origin" --tag 1
stamp write "$other" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv add "$store" "$other" deep
smv activate "$store"
n=$(scaled 1000)
must many take data.state --count "$n" --writes 0 s0 data
eq "$(field s0 data)" 0 'data chunks of empty snapshots'
must many take deep.state --chain --count "$n" --writes 1 s0 deep
eq "$(field s0 snapshots)" $((2 * n)) snapshots
smv deactivate s0/
check_store "$store"
smv activate "$store"
eq "$(snapmv list -q data | wc -l)" $((n + 1)) 'volumes listed'
# The deepest one reads through all of them.
must many verify deep.state --order newest --count 10 s0 deep
must many verify deep.state --order random --count 40 s0 deep
must many verify data.state --order random --count 50 s0 data
must stamp write /dev/mapper/s0-data --tag 2
smv activate data@s1 "data@s$n"
must stamp check /dev/mapper/s0-data@s1 --tag 1
must stamp check "/dev/mapper/s0-data@s$n" --tag 1
smv deactivate data@s1 "data@s$n"
eq "$(field s0 data)" "$(field s0 exceptions)" 'data chunks: one for each exception'
must many delete deep.state --order random s0 deep
must many delete data.state --order oldest s0 data
settle s0
wait_for 60 is s0 ghosts 0
eq "$(field s0 data)" 0 'data chunks'
