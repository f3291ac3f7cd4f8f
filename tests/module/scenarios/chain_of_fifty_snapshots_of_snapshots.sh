# A chain of 50 snapshots, each of the one before and all of them written to,
# reads back byte for byte; also all active at once and written in turn, after a
# restart, and while the chain is taken apart in random order.
# timeout: 90

mkdisk origin 1M
mkdisk store 96M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
n=$(scaled 50 5)
must many take state --chain --count "$n" --writes 12 s0 data
must many verify state s0 data
must many up state s0 data
must many write state --writes 6 --seed 2 s0 data
must many verify state --order random s0 data
must many down state s0 data
smv deactivate s0/
check_store "$store"
smv activate "$store"
must many verify state --order newest s0 data
must many delete state --order random --count $((n * 2 / 3)) s0 data
must many verify state s0 data
settle s0
must many verify state s0 data
must many delete state --order newest s0 data
settle s0
wait_for 60 is s0 ghosts 0
eq "$(field s0 data)" 0 'data chunks'
