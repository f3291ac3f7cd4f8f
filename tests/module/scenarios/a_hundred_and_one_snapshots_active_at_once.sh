# 101 snapshots of one origin, all active at once, all written to and verified,
# as is the origin.
# timeout: 90

mkdisk origin 1M
mkdisk store 96M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
n=$(scaled 101 11)
must many take state --count "$n" --writes 8 s0 data
must many up state s0 data
eq "$(dmsetup ls --target snap-mv | grep -c s0-data@)" "$n" 'active snapshots'
must many write state --writes 8 s0 data
must many verify state s0 data
must many write state --writes 8 --seed 2 --order random s0 data
must many verify state --order random s0 data
mustfail 'active' snapmv delete data@s7
must many down state s0 data
must many verify state s0 data
