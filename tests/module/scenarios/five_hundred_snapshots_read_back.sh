# 500 snapshots of one origin, with writes between them, read back byte for byte,
# the same after a restart of the store, and after each other one was deleted.
# timeout: 120

mkdisk origin 768K
mkdisk store 96M
stamp write "$origin" --tag 1
smv format -c 8K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
n=$(scaled 500)
must many take state --count "$n" --writes 6 s0 data
must many verify state --order random --count 100 s0 data
eq "$(field s0 snapshots)" "$n" snapshots
smv deactivate s0/
check_store "$store"
smv activate "$store"
must many verify state s0 data
must many delete state --order random --count $((n / 2)) s0 data
must many verify state --order newest --count 50 s0 data
settle s0
must many verify state --order newest s0 data
must many delete state --order oldest s0 data
settle s0
wait_for 60 is s0 ghosts 0
eq "$(field s0 data)" 0 'data chunks'
