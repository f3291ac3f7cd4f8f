# An origin whose store is down is written by one of the programs that usually do, and is refused when it is to be
# activated: a mount with a write in it, of itself or of a loop device over it; a filesystem made, mended, tuned, shrunk or
# taken away; swap.
# programs: mkswap mkfs.btrfs btrfs
# timeout: 240
# memory: 1G

mkdisk store 320M
smv format -c 64K -l s0 "$store"

# writes WRITER: the raw device is written by it
writes()
{
	case $1 in
	loop_written)
		loop=$(losetup -f --show "$raw")
		run mount "$loop" /mnt
		echo more >/mnt/new
		run umount /mnt
		run losetup -d "$loop" ;;
	*_written)
		run mount -t "${1%_written}" "$raw" /mnt
		echo more >/mnt/new
		run umount /mnt ;;
	*_overwritten)
		# in its place, which is already there
		run mount -t "${1%_overwritten}" "$raw" /mnt
		dd if=/dev/urandom of=/mnt/file bs=4k count=1 conv=notrunc,fsync status=none
		run umount /mnt ;;
	mkfs.ext4)	must mkfs.ext4 -q -F -E nodiscard "$raw" ;;
	mkfs.xfs)	must mkfs.xfs -q -f -K "$raw" ;;
	mkfs.btrfs)	must mkfs.btrfs -q -f -K "$raw" ;;
	mkswap)		quiet mkswap -f "$raw" ;;
	e2fsck)
		mends=0
		e2fsck -fy "$raw" || mends=$?
		eq $mends 1 'what e2fsck says' ;;
	xfs_repair)
		must xfs_repair "$raw" ;;
	tune2fs)	must tune2fs -L other "$raw" ;;
	resize2fs)	must resize2fs -f "$raw" 96M ;;
	debugfs)	must debugfs -w -R 'rm /file' "$raw" ;;
	wipefs)		must wipefs -q -a "$raw" ;;
	blkdiscard)	must blkdiscard -f "$raw" ;;
	*)		fail "no writer $1" ;;
	esac
}

# filled KIND: the origin has such a filesystem, with files in it
filled()
{
	must wipefs -q -a "$dev"	# what the last writer left
	case $1 in
	btrfs)	must mkfs.btrfs -q -f -K "$dev" ;;
	*)	mkfs "$1" "$dev" ;;
	esac
	mnt "$dev" data
	head -c 300000 /dev/urandom >/mnt/data/file
	unmnt data
}

# noticed WRITER
noticed()
{
	smv snapshot data a
	[ "$1" != e2fsck ] || must debugfs -w -R 'clri /file' "$dev"
	smv deactivate s0
	writes "$1"
	mustfail 'data.*without the module.*-f' snapmv activate "$store"
	eq "$(json '.stores[0].active' list)" false 'the store, refused,'
	smv activate -f "$store"
	eq "$(suspect data@a)" true "suspect after $1"
	smv delete --wait data@a
	say "$1: noticed"
}

# writers KIND SIZE WRITER...
writers()
{
	wr_kind=$1
	mkdisk "o_$1" "$2"
	eval "raw=\$o_$1"
	shift 2
	smv add "$store" "$raw" data
	smv activate "$store"
	dev=/dev/mapper/s0-data
	for writer; do
		filled "$wr_kind"
		noticed "$writer"
	done
	smv deactivate s0
	smv remove -S "$store" data
}

modprobe loop
# What a program writes is its own affair, not the kernel's: most of them only on the first one.
case $(scaled 10) in
10)	writers ext4 128M ext4_written ext4_overwritten loop_written mkfs.ext4 mkfs.btrfs mkswap e2fsck tune2fs resize2fs debugfs \
		wipefs blkdiscard ;;
*)	writers ext4 128M ext4_written loop_written ;;
esac
case " $(filesystems) " in
*' xfs '*)
	# shellcheck disable=SC2046
	writers xfs 320M xfs_written xfs_overwritten $([ "$(scaled 10)" -lt 10 ] || echo mkfs.xfs xfs_repair)
	writers btrfs 128M btrfs_written btrfs_overwritten ;;
esac
