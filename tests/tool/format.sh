# SPDX-License-Identifier: GPL-2.0-only
# format and erase: what is accepted, what is refused, and that a refusal writes nothing.

. "$(dirname "$0")/lib"

t_chunk_sizes_are_powers_of_two_from_4k_to_1m()
{
	for c in 4K 8K 16K 32K 64K 128K 256K 512K 1M 4096 1048576 64k 1024K 64KiB; do
		truncate -s 64M store
		must smv format -c $c ./store
		clean_check
		rm store
	done
	truncate -s 64M store
	before=$(sums store)
	for c in 0 1 512 2K 4095 4097 5K 12K 24K 100K 3M 2M 1G 1T 65537; do
		refused 1 'chunk' smv format -c $c ./store
		has_way_out
	done
	for c in -4K K 4X x4K 4.5K 4KB 99999999999999999999 18446744073709551615T 4K4K; do
		refused 1 'size|chunk' smv format -c "$c" ./store
	done
	eq "$before" "$(sums store)" 'the file'
}

t_the_chunk_size_asked_for_is_used_and_64k_is_the_default()
{
	truncate -s 64M store
	must smv format ./store
	out smv status --json ./store >j
	eq "$(json j 'j["stores"][0]["chunk_bytes"]')" 65536
	must smv format -f -c 256K ./store
	out smv status --json ./store >j
	eq "$(json j 'j["stores"][0]["chunk_bytes"]')" 262144
}

t_the_smallest_size_named_in_the_refusal_is_enough()
{
	for c in 4K 64K 1M; do
		truncate -s 64K store
		refused 1 'too small.*at least' smv format -c $c ./store
		least=$(sed 's/.*at least \([0-9.]*\) \([KM]\)iB.*/\1\2/' .err)
		n=${least%[KM]}
		case $least in
		*K) bytes=$((n * 1024)) ;;
		*.*M) bytes=$((${n%.*} * 1048576 + ${n#*.} * 104858 + 104858)) ;;
		*M) bytes=$((n * 1048576 + 524288)) ;;
		esac
		truncate -s $bytes store
		must smv format -c $c ./store
		clean_check
		rm store
	done
}

t_odd_sizes_of_the_device_are_fine()
{
	for size in 16777217 16780000 20000001 17825791; do
		truncate -s $size store
		must smv format ./store
		clean_check
		rm store
	done
}

t_a_store_is_not_formatted_again_without_force()
{
	make_store
	before=$(sums store)
	refused 1 'holds a snapmv store' smv format ./store
	has_way_out
	eq "$before" "$(sums store)" 'the store'
	must smv format -f ./store
	eq "$(out smv list -q ./store)" ''
	# one whose superblocks are damaged is one, too
	eval "$($PLANT store where | sed -n 's/^super /slot=/p')"
	$PLANT store flip "$slot" 100 1
	refused 1 'holds a snapmv store' smv format ./store
}

t_filesystems_and_partition_tables_are_not_formatted_without_force()
{
	truncate -s 32M fs
	mkfs.ext4 -q fs
	before=$(sums fs)
	refused 1 'ext4' smv format ./fs
	has_way_out
	eq "$before" "$(sums fs)" 'the filesystem'
	must smv format -f ./fs
	eq "$(blkid -p -o value -s TYPE fs || :)" '' 'what blkid sees'
	clean_check fs
	# an MBR with one partition, made by hand
	truncate -s 32M disk
	printf '\125\252' | dd of=disk bs=1 seek=510 conv=notrunc status=none
	printf '\0\0\1\0\203\0\1\0\001\0\0\0\0\100\0\0' |
		dd of=disk bs=1 seek=446 conv=notrunc status=none
	refused 1 'partition table' smv format ./disk
	must smv format -f ./disk
	eq "$(blkid -p -o value -s PTTYPE disk || :)" '' 'what blkid sees'
	truncate -s 32M swap
	mkswap -q swap 2>/dev/null
	refused 1 'swap' smv format ./swap
}

t_the_old_contents_first_block_is_zeroed()
{
	truncate -s 16M store
	head -c 4096 /dev/urandom | dd of=store conv=notrunc status=none
	must smv format -f ./store
	eq "$(head -c 4096 store | tr -d '\0' | wc -c)" 0
}

t_labels_are_checked_and_counted()
{
	truncate -s 16M store
	must smv format -l abcdefghijklmnopqrstuvwxyz01234 ./store
	must smv format -f -l A_.+z ./store
	eq "$(out smv list ./store | sed -n '2s/ .*//p')" A_.+z/
	for l in '' abcdefghijklmnopqrstuvwxyz012345 -x .x a-b 'a b' a/b a@b a:b 'ä'; do
		refused 1 'label' smv format -f -l "$l" ./store
	done
	must smv format -f ./store
	out smv list ./store | grep -q '^snapmv[0-9]*/' || fail 'no default label'
}

t_a_file_that_another_run_holds_is_refused()
{
	make_store
	before=$(sums store)
	flock -F -x ./store sh -c 'echo held; exec sleep 600' >held &
	holder=$!
	until [ -s held ]; do :; done
	refused 1 'in use' smv format -f ./store
	refused 1 'in use' smv set ./store policy=hold
	refused 1 'in use' smv check ./store
	refused 1 'in use' smv list ./store
	kill $holder
	eq "$before" "$(sums store)" 'the store'
}

t_two_formats_at_once_leave_one_whole_store()
{
	for i in 1 2 3 4 5; do
		rm -f store
		truncate -s 64M store
		smv format -l one ./store >o1 2>e1 & p1=$!
		smv format -l two ./store >o2 2>e2 & p2=$!
		s1=0 s2=0
		wait $p1 || s1=$?
		wait $p2 || s2=$?
		eq $((s1 + s2)) 1 'how many were refused'
		clean_check
	done
}

t_erase_takes_a_store_away()
{
	make_store
	must smv snapshot -S ./store data a
	refused 1 'snapshot' smv erase ./store
	has_way_out
	must smv check ./store
	must smv delete -S ./store data@a
	must smv erase ./store
	refused 1 'holds no store' smv list ./store
	refused 1 'holds no store' smv erase ./store
	refused 1 'holds no store' smv erase -f ./store
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	must smv erase -f ./store
	refused 1 'holds no store' smv check ./store
}

t_erase_takes_no_snapshot_away_that_was_taken_while_it_waited()
{
	make_store
	cp store fresh
	won=0
	for i in 1 2 3 4 5 6 7 8 9 10; do
		cp fresh store
		rm -f held
		flock -F -s ./store sh -c 'echo held; exec sleep 600' >held &
		holder=$!
		until [ -s held ]; do :; done
		smv erase ./store 2>erase.err & erase=$!
		sleep 0.3
		smv snapshot -S ./store data a 2>/dev/null & snapshot=$!
		sleep 0.3
		kill $holder
		erased=0 taken=0
		wait $erase || erased=$?
		wait $snapshot || taken=$?
		[ $erased -ne 0 ] || [ $taken -ne 0 ] || fail "in round $i a snapshot was taken, and erased"
		[ $erased -eq 0 ] || grep -q 'changed\|snapshots' erase.err || fail "$(cat erase.err)"
		[ $taken -ne 0 ] || eq "$(out smv list -q ./store | xargs)" 'data data@a' 'what is left'
		won=$((won + (erased == 0) + (taken == 0)))
	done
	[ $won -gt 0 ] || fail 'both were refused in every round'
}

t_erase_with_force_takes_damaged_stores()
{
	make_store
	eval "$($PLANT store where | sed -n 's/^super /slot=/p')"
	$PLANT store flip "$slot" 100 1
	$PLANT store flip $((3 - slot)) 100 1
	refused 1 'damaged' smv erase ./store
	must smv erase -f ./store
	refused 1 'holds no store' smv list ./store
}

run_tests "$@"
