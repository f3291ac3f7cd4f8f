# The walk-through of the original's announcement, on ext4 and on XFS: files on a
# disk before the store exists; snapshot, change, snapshot of the snapshot, write
# to both, list, roll back to the second, take everything down, mount the raw
# disk. `make demo' shows what this prints.
# timeout: 120

verified()
{
	echo "verified: $*"
}

title()
{
	echo "=== $*"
}

do_it()	# TEXT: a shell command, printed and run
{
	echo "+ $1"
	SMV_LAST=$1
	eval "$1"
}

sums_of()	# DIR: names and contents of all its files
{
	(cd "/mnt/$1" && find . -type f -exec sha256sum {} + | sort -k 2)
}

keep()	# DIR NAME: what is in it now goes by this name from now on
{
	sums_of "$1" >"$T/$2.sums"
}

is_now()	# DIR NAME: the same files, with the same contents
{
	sums_of "$1" >"$T/.now"
	cmp -s "$T/.now" "$T/$2.sums" || {
		diff "$T/$2.sums" "$T/.now" | head -n 10
		fail "the files in /mnt/$1 are not those of $2"
	}
}

count()	# NAME: files in a list
{
	wc -l <"$T/$1.sums"
}

prepare()	# ext4|xfs SIZE
{
	title "$1: a disk with files on it, and no store yet"
	mkdisk disk "$2"
	mkdisk cow 64M
	mkfs "$1" "$disk"
	mnt "$disk" disk
	make_files /mnt/disk 60
	do_it 'echo "Dear Reader," >/mnt/disk/letter'
	do_it 'ls /mnt/disk'
	keep disk first
	unmnt disk
	raw=$(sumdev "$disk")
}

begin()
{
	title "The empty second disk becomes a store, the first one an origin"
	smv format -l vault "$cow"
	smv add "$cow" "$disk" home
	smv activate "$cow"
	eq "$(sumdev "$disk")" "$raw" 'checksum of the disk'
	verified "not one byte of $disk has changed"
	mnt /dev/mapper/vault-home home
	is_now home first
	verified "all $(count first) files are there, through the module"
}

take_and_change()
{
	title "A snapshot; then the origin changes"
	do_it "snapmv snapshot -m 'before the great change' home monday"
	do_it 'rm -r /mnt/home/d1 /mnt/home/d4'
	do_it 'echo "I have thought better of it." >>/mnt/home/letter'
	make_files /mnt/home 30 2
	keep home changed
	title "A snapshot of the snapshot; both are mounted beside the origin"
	smv snapshot home@monday tuesday
	smv activate home@monday home@tuesday
	mnt /dev/mapper/vault-home@monday monday
	mnt /dev/mapper/vault-home@tuesday tuesday
	is_now monday first
	is_now tuesday first
	verified 'both snapshots hold the files as they were before the change'
	is_now home changed
	verified 'the origin holds them as they were changed'
}

write_to_both()
{
	title "Both snapshots are written to"
	do_it 'echo "Monday was here." >/mnt/monday/letter'
	do_it 'rm -r /mnt/monday/d2'
	do_it 'cp -r /mnt/tuesday/d3 /mnt/tuesday/copy'
	do_it 'echo "Tuesday, too." >>/mnt/tuesday/letter'
	make_files /mnt/tuesday 20 3
	do_it sync
	keep monday monday
	keep tuesday tuesday
	is_now home changed
	for where in home monday tuesday; do
		do_it "cat /mnt/$where/letter"
	done
	unmnt monday
	unmnt tuesday
	smv deactivate home@monday home@tuesday
	smv activate home@monday home@tuesday
	for where in monday tuesday; do
		mnt /dev/mapper/vault-home@$where $where
		is_now $where $where
	done
	verified 'each has its own changes and none of the others, reactivated, too'
	smv list
	smv list -t
	smv status vault/
	eq "$(snapmv list -q | tr '\n' ' ')" 'home home@monday home@tuesday '
	eq "$(json '.stores[].volumes[] | select(.name == "home@tuesday") | .taken_of' list)" \
		home@monday
	verified 'the list shows the origin, the snapshot and the snapshot of the snapshot'
}

roll_back()
{
	title "The origin is rolled back to the second snapshot"
	for where in monday tuesday home; do
		unmnt $where
	done
	smv rollback --wait home@tuesday >undo
	cat undo
	undo=$(tail -n 1 undo)
	mnt /dev/mapper/vault-home home
	is_now home tuesday
	verified 'the origin holds what the second snapshot holds'
	unmnt home
	smv activate "$undo"
	mnt "/dev/mapper/vault-$undo" undo
	is_now undo changed
	verified "$undo keeps the state before"
	unmnt undo
	mnt /dev/mapper/vault-home@monday monday
	is_now monday monday
	unmnt monday
	mnt /dev/mapper/vault-home@tuesday tuesday
	is_now tuesday tuesday
	unmnt tuesday
	verified 'both snapshots are as they were'
}

end()
{
	title "Everything is taken down, and the disk mounted as it was at first"
	smv deactivate vault/
	eq "$(active_stores)" '' 'what is active'
	check_store "$cow"
	verified 'the store is without a fault'
	fsck "$disk"
	mnt "$disk" disk
	is_now disk tuesday
	do_it 'cat /mnt/disk/letter'
	unmnt disk
	verified "all $(count tuesday) files are right on the raw disk, without the module"
	forget_store "$cow"
	rmdisk "$disk"
	rmdisk "$cow"
}

walk()
{
	prepare "$1" "$2"
	begin
	take_and_change
	write_to_both
	roll_back
	end
}

say "Linux $(uname -r)"
walk ext4 64M
[ "$(filesystems)" = ext4 ] || walk xfs 320M
title 'That was all of it.'
