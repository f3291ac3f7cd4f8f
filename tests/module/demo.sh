# The main job, shown on real filesystems (make demo). Every statement printed
# is verified on the spot; the first that does not hold ends it.
# timeout: 300
# memory: 1536M

title()
{
	echo
	echo "== $*"
}

# Commands as a person would type them.
run()
{
	echo "   # $*"
	SMV_LAST="$*"
	"$@"
}

verified()
{
	echo "   verified: $*"
}

title 'A disk with an ext4 filesystem and files on it. No store exists yet.'
mkdisk origin 320M
mkdisk music 320M
mkdisk store 256M cache=8
mkfs ext4 "$origin"
mnt "$origin" data
make_files /mnt/data 60 1
mkdir -p /expected
cp /mnt/data/.sums /expected/first
unmnt data
verified "$(wc -l </expected/first) files on $origin, their checksums noted"

title 'Another, empty disk becomes the store. The origin is only registered.'
before=$(sumdev "$origin")
smv format -l demo "$store"
smv add "$store" "$origin" data
smv activate demo 2>/dev/null || smv activate "$store"
eq "$(sumdev /dev/mapper/demo-data)" "$before" 'the origin'
verified 'the origin is bit for bit what it was, and readable through the module'

title 'A snapshot of the mounted, live filesystem; then the origin changes.'
mnt /dev/mapper/demo-data data
run snapmv snapshot -m 'before the change' data monday
rm -rf /mnt/data/d0 /mnt/data/d1
make_files /mnt/data 40 2
cp /mnt/data/.sums /expected/second
run snapmv snapshot data tuesday
rm -rf /mnt/data/d2 /mnt/data/d3
make_files /mnt/data 30 3
cp /mnt/data/.sums /expected/third
run snapmv activate data@monday data@tuesday
mnt /dev/mapper/demo-data@monday monday
mnt /dev/mapper/demo-data@tuesday tuesday
verify_files /mnt/monday
cmp /mnt/monday/.sums /expected/first
verify_files /mnt/tuesday
cmp /mnt/tuesday/.sums /expected/second
verify_files /mnt/data
verified 'monday holds the first files, tuesday the second, the origin the third'

title 'Snapshots are writable, and can be snapshotted themselves, while in use.'
run snapmv snapshot data@monday experiment
make_files /mnt/monday 20 4
cp /mnt/monday/.sums /expected/fourth
run snapmv activate data@experiment
mnt /dev/mapper/demo-data@experiment experiment
verify_files /mnt/experiment
cmp /mnt/experiment/.sums /expected/first
rm -rf /mnt/experiment/d4
make_files /mnt/experiment 25 5
cp /mnt/experiment/.sums /expected/fifth
verify_files /mnt/monday
cmp /mnt/monday/.sums /expected/fourth
verify_files /mnt/tuesday
verify_files /mnt/data
run snapmv list -t
verified 'four filesystems on one disk and one store, each with its own files'

title 'One copy serves them all: a write costs the same with 8 snapshots as with 1.'
i=1
while [ $i -le 8 ]; do
	snapmv snapshot data "n$i" >/dev/null
	i=$((i + 1))
done
sync
ios "$store"
ws=$IO_WS
dd if=/dev/urandom of=/mnt/data/big bs=1M count=16 oflag=direct status=none
sync
ios "$store"
mib=$(((IO_WS - ws) / 2048))
echo "   16 MiB written to the origin, $mib MiB to the store, with 12 snapshots"
cond $mib -le 40
for i in 1 3 5 7 2 4 6 8; do
	snapmv delete "data@n$i" >/dev/null
done
verified 'preserved once, not once for each snapshot; deleted in any order'

title 'A second origin, with XFS, shares the store. One atomic point for both.'
mkfs xfs "$music"
smv add "$store" "$music" music
smv activate music
mnt /dev/mapper/demo-music music
make_files /mnt/music 40 6
cp /mnt/music/.sums /expected/music
run snapmv snapshot data both music both
rm -rf /mnt/music/d0
run snapmv activate music@both
mnt /dev/mapper/demo-music@both both ro,norecovery
verify_files /mnt/both
cmp /mnt/both/.sums /expected/music
verified 'the XFS snapshot holds the files of that moment'
unmnt both
unmnt music
fsck /dev/mapper/demo-music
run snapmv deactivate music@both

title 'Rolling back takes effect at once; the data moves in the background.'
for dir in data monday tuesday experiment; do
	umount /mnt/$dir
done
run snapmv rollback --undo undo data@tuesday
mnt /dev/mapper/demo-data data
verify_files /mnt/data
cmp /mnt/data/.sums /expected/second
verified 'the origin reads as tuesday, while the move may still be going on'
make_files /mnt/data 10 7
cp /mnt/data/.sums /expected/seventh
unmnt data
run snapmv rollback --wait --no-undo --undo undo2 data@undo 2>/dev/null ||
	run snapmv rollback --wait data@undo
mnt /dev/mapper/demo-data data
verify_files /mnt/data
cmp /mnt/data/.sums /expected/third
verified 'and the undo point brings back what was there before'
unmnt data
run snapmv list

title 'Everything is taken down, the raw origin mounted: the data is there, plain.'
run snapmv deactivate demo
mnt "$origin" raw ro
verify_files /mnt/raw
cmp /mnt/raw/.sums /expected/third
unmnt raw
fsck "$origin"
check_store "$store"
verified 'no module is needed to read the origin; the store checks clean'
forget_store "$store"
