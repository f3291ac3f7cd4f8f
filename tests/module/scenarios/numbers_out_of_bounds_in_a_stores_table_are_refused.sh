# A store's table whose cache_blocks or overlay_entries are out of bounds is refused, the log says why, and
# stores that are active do not notice.
# timeout: 40

mkdisk origin 4M
mkdisk store 32M
mkdisk second 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv format -c 16K -l s1 "$second"
smv activate "$store"
smv snapshot data a

for feature in cache_blocks overlay_entries; do
	for number in 0 1 63 524289 2147483649 4294967295 4294967296 x ''; do
		dmesg -c >/dev/null
		table="0 $(sectors "$second") snap-mv-store $second $([ -z "$number" ] && echo 1 || echo 2) $feature $number"
		echo "+ $table (to be refused)"
		if dmsetup create other --table "$table" 2>other.err; then
			fail "not refused: $table"
		fi
		dmesg | grep -E 'table: .*(numbers from 64 to 524288|wrong argument)' >/dev/null || fail "not said why: $table"
	done
	for number in 64 4096; do
		dm_make other "0 $(sectors "$second") snap-mv-store $second 2 $feature $number"
		must dmsetup table other
		dm_remove other
	done
done
smv snapshot data b
smv deactivate s0
check_store "$store"
