# The same as fuzzed_messages_and_tables_do_no_harm, of many seeds and each with a store of its own.
# timeout: 1500
# long

mkdisk origin 16M
mkdisk other 16M
mkdisk spare 16M
smv format -l s1 "$spare"
for seed in $(seq $((SMV_SEED * 100)) $((SMV_SEED * 100 + $(scaled 20 2) - 1))); do
	mkdisk store 64M
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	for name in o1 o2 o3; do
		must dmsetup message s0 0 add $name 2048 "path:/nowhere/$name" 0
	done
	stamp write /dev/mapper/s0-data --tag 1 --map keep.map
	smv snapshot data keep
	must fuzzdm s0 "$spare" "$other" data --seed "$seed" --messages 10000 --tables 300
	settle s0
	snapshot_is s0 data@keep keep.map
	smv deactivate -f s0
	check_store "$store"
	forget_store "$store"
	rmdisk "$store"
done
