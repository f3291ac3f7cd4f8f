# A second device for an origin, a snapshot or a store is refused by the kernel
# with a message that says why, and the first one goes on; the same for a second
# store device on the same disk and for an origin on its own store.
# timeout: 40

mkdisk origin 4M
mkdisk store 32M
mkdisk small 2M
mkdisk other 4M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
smv activate data@a
stamp write /dev/mapper/s0-data --tag 2

refused()	# WHY TABLE: a device with this table is refused, and the log says why
{
	dmesg -c >/dev/null
	echo "+ dmsetup create second: $2 (to be refused)"
	SMV_LAST=$2
	if dmsetup create second --table "$2" 2>second.err; then
		dmsetup remove second
		fail "not refused: $2"
	fi
	dmsetup remove second 2>/dev/null || :
	dmesg | grep -E "table: .*($1)" || {
		dmesg
		fail "the log does not say '$1' of: $2"
	}
}

refused 'another device is active for this volume' "$(dmsetup table s0-data)"
refused 'another device is active for this volume' "$(dmsetup table s0-data@a)"
refused 'the store is active in another device' "$(dmsetup table s0)"
n=$(sectors "$origin")
refused 'no such volume' "0 $n snap-mv /dev/mapper/s0 data@nosuch $origin"
refused 'no such volume' "0 $n snap-mv-origin /dev/mapper/s0 nosuch $origin"
# A table shorter or longer than the origin; a device that is too small.
smv deactivate data@a
refused "the table's length is not the volume's" "0 $((n - 1)) snap-mv /dev/mapper/s0 data@a $origin"
refused "the table's length is not the volume's" "0 $((n + 1)) snap-mv /dev/mapper/s0 data@a $origin"
refused 'another device is in use as that origin' "0 $n snap-mv /dev/mapper/s0 data@a $other"
refused 'smaller than recorded' "0 $n snap-mv /dev/mapper/s0 data@a $small"
smv deactivate data
refused 'smaller than recorded' "0 $n snap-mv /dev/mapper/s0 data@a $small"
refused 'smaller than recorded' "0 $n snap-mv-origin /dev/mapper/s0 data $small"
refused 'Gap in table' "1 $n snap-mv /dev/mapper/s0 data@a $origin"
refused 'three arguments' "0 $n snap-mv /dev/mapper/s0 data@a"
refused 'that is no active store' "0 $n snap-mv $origin data@a $origin"
refused 'the device holds no store' "0 $n snap-mv-store $origin"
# On its own store: neither an origin nor a snapshot's.
for own in "$store" /dev/mapper/s0; do
	refused 'on its own store' "0 $n snap-mv /dev/mapper/s0 data@a $own"
	refused 'on its own store' "0 $n snap-mv-origin /dev/mapper/s0 data $own"
done
# Reading and writing the store's own device fails.
! dd if=/dev/mapper/s0 of=/dev/null bs=4k count=1 2>/dev/null || fail 'the store can be read'
! dd if=/dev/zero of=/dev/mapper/s0 bs=4k count=1 oflag=direct 2>/dev/null ||
	fail 'the store can be written'
smv activate data data@a
must stamp check /dev/mapper/s0-data --tag 2
must stamp check /dev/mapper/s0-data@a --tag 1
