# Snapshots of a mounted filesystem in use, ext4 and XFS: each is clean (ext4
# without a journal to replay) and holds all that had been written; both are
# mounted, written and checked; so is a snapshot of the snapshot.
# timeout: 180

# The files of make_files, whatever else is there.
verify_files_at()	# DIR
{
	(cd "$1" && quiet sha256sum -c --quiet .sums) ||
		fail "files in $1 differ from their sums"
}

for kind in $(filesystems); do
	size=$([ $kind = ext4 ] && echo 64 || echo 320)
	mkdisk o$kind ${size}M
	mkdisk s$kind 192M
	eval "origin=\$o$kind store=\$s$kind"
	mkfs $kind "$origin"
	mnt "$origin" raw
	make_files /mnt/raw 40
	unmnt raw
	smv format -l $kind "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	dev=/dev/mapper/$kind-data
	mnt $dev data
	verify_files /mnt/data

	(
		i=0
		while [ ! -e "$T/stop" ]; do
			mkdir -p /mnt/data/busy
			head -c $((i % 9 * 30000 + 1)) /dev/urandom \
				>/mnt/data/busy/f$((i % 50))
			[ $((i % 10)) -ne 0 ] || sync -f /mnt/data
			[ $((i % 7)) -ne 0 ] || rm -f /mnt/data/busy/f$((i % 13))
			i=$((i + 1))
		done
	) & busy=$!
	i=0
	while [ $i -lt 3 ]; do
		echo $i >/mnt/data/mark
		smv snapshot data $kind$i
		i=$((i + 1))
	done
	echo last >/mnt/data/mark
	touch "$T/stop"
	wait $busy
	rm "$T/stop"

	smv snapshot data@${kind}1 child
	i=0
	while [ $i -lt 3 ]; do
		smv activate data@$kind$i
		# A frozen XFS keeps something in its log on purpose.
		[ $kind = xfs ] || fsck $dev@$kind$i
		mnt $dev@$kind$i snap
		eq "$(cat /mnt/snap/mark)" $i mark
		verify_files_at /mnt/snap
		rm -rf /mnt/snap/busy
		make_files /mnt/snap 10 $((i + 2))
		unmnt snap
		fsck $dev@$kind$i
		i=$((i + 1))
	done
	eq "$(cat /mnt/data/mark)" last mark
	smv activate data@child
	mnt $dev@child child
	eq "$(cat /mnt/child/mark)" 1 mark
	verify_files_at /mnt/child
	unmnt child
	fsck $dev@child
	verify_files_at /mnt/data
	unmnt data
	fsck $dev
	eq "$(field $kind dropped)" 0 dropped
	take_down
	fsck "$origin"
done
