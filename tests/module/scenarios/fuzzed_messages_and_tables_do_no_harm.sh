# Thousands of random messages and table lines, by a seed, while a volume is written: each is refused or
# taken, the store stays well, and what none of them named is as it was.
# timeout: 120

mkdisk origin 16M
mkdisk other 16M
mkdisk store 64M
mkdisk spare 16M
smv format -c 16K -l s0 "$store"
smv format -l s1 "$spare"
smv add "$store" "$origin" data
mkdisk o 8M
smv activate "$store"
for name in o1 o2 o3; do
	must dmsetup message s0 0 add $name 2048 "path:/nowhere/$name" 0
done
stamp write /dev/mapper/s0-data --tag 1 --map keep.map
smv snapshot data keep
hammer run state --threads 2 --seed 99 --time 1000 /dev/mapper/s0-data >/dev/null & pid=$!
must fuzzdm s0 "$spare" "$other" data --seed "$SMV_SEED" \
	--messages "$(scaled 2000 400)" --tables "$(scaled 150 60)"
hammer stop state
wait $pid
settle s0
snapshot_is s0 data@keep keep.map
# rollbacks of origins without a device may run for ever
smv deactivate -f s0
check_store "$store"
