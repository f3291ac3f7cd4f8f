# A source tree is deleted on the origin while it is being read; on the snapshot each name, mode, time and checksum of it is
# what it was, and a rollback brings it back.
# trees: /usr/include/linux /usr/include/x86_64-linux-gnu /usr/share/perl
# timeout: 200
# long

sources='/usr/include/linux /usr/include/x86_64-linux-gnu /usr/share/perl'
mkdisk origin 160M
mkdisk store 200M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mkfs ext4 /dev/mapper/s0-data
mnt /dev/mapper/s0-data data

# listing DIR: all that is in a tree but for the contents of its files
listing()
{
	(cd "$1" && find . ! -path ./lost+found -exec stat -c '%n %F %f %u %g %h %s %Y' {} + | sort)
}

# tree_is_whole DIR
tree_is_whole()
{
	listing "$1" >listing.now
	cmp listing.before listing.now || fail "what is in $1 is not what it was"
	(cd "$1" && quiet sha256sum -c --quiet "$PWD_WAS/sums") || fail "files in $1 differ from their sums"
}

# shellcheck disable=SC2086
must cp -a --parents $sources /mnt/data
PWD_WAS=$PWD
(cd /mnt/data && find . -type f -exec sha256sum {} + >"$PWD_WAS/sums")
listing /mnt/data >listing.before
files=$(wc -l <sums)
say "$files files, $(wc -l <listing.before) names, $(du -sm /mnt/data | cut -f 1) MiB"
cond "$files" -ge 1000
cond "$(find /mnt/data -type d | wc -l)" -ge 50
tree_is_whole /mnt/data
smv snapshot data before

# Whoever reads it meanwhile loses files under his hands.
(
	while [ ! -e "$T/stop" ]; do
		find /mnt/data -type f -exec cat {} + >/dev/null 2>&1 || :
		echo x >>reads
	done
) & reader=$!
must rm -rf /mnt/data/usr/include/linux
make_files /mnt/data/new "$(scaled 400 50)" 2
must rm -rf /mnt/data/usr
make_files /mnt/data/newer "$(scaled 200 30)" 3
wait_for 60 test -s reads
touch "$T/stop"
wait $reader
[ ! -e /mnt/data/usr ] || fail 'the tree is still there'

smv activate data@before
mnt /dev/mapper/s0-data@before before ro
tree_is_whole /mnt/before
verify_files /mnt/data/new
verify_files /mnt/data/newer
unmnt before
fsck /dev/mapper/s0-data@before
unmnt data
fsck /dev/mapper/s0-data
smv deactivate data@before
smv rollback --wait data@before
mnt /dev/mapper/s0-data data
tree_is_whole /mnt/data
unmnt data
fsck /dev/mapper/s0-data
