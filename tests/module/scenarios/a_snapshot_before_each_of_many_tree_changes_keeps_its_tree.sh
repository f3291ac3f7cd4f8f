# A snapshot before each of many large changes to a tree of files; then every
# snapshot is mounted and compared with its tree, in mixed order, and some are
# deleted between.
# timeout: 180

n=$(scaled 40 5)
mkdisk origin 96M
mkdisk store 256M
mkfs ext4 "$origin"
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
mnt $dev data
i=0
while [ $i -lt "$n" ]; do
	mkdir -p /mnt/data/t$((i % 5))
	rm -rf /mnt/data/t$((i % 5))
	make_files /mnt/data/t$((i % 5)) 12 $i
	[ $((i % 3)) -ne 2 ] || mv /mnt/data/t$((i % 5)) /mnt/data/moved$i
	(cd /mnt/data && find . -type f -exec sha256sum {} + | sort -k 2) >tree$i
	quiet snapmv snapshot data s$i
	i=$((i + 1))
done
eq "$(field s0 dropped)" 0 dropped
say "$n snapshots, $(field s0 data) chunks"
# 11 has no factor in common with 40 and with 5: all of them, in mixed order.
i=0
k=0
while [ $k -lt "$n" ]; do
	quiet snapmv activate data@s$i
	quiet mnt $dev@s$i snap ro
	(cd /mnt/snap && find . -type f -exec sha256sum {} + | sort -k 2) >now
	cmp now tree$i || fail "the tree of s$i differs"
	quiet umount /mnt/snap
	quiet snapmv deactivate data@s$i
	rm tree$i
	[ $((k % 4)) -ne 0 ] || quiet snapmv delete data@s$i
	i=$(((i + 11) % n))
	k=$((k + 1))
done
[ -z "$(ls | grep '^tree')" ] || fail 'a snapshot was not looked at'
unmnt data
fsck $dev
