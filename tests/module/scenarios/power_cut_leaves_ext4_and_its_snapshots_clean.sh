# A power cut while a mounted ext4 is written, with fsync, and snapshots of it are
# taken and deleted: ext4's own check of the origin and of each snapshot is clean,
# and each file that was synced before the cut, or before a snapshot, is there.
# host: powercut
# disks: origin=48M store=128M
# rounds: 3
# timeout: 120

phase1()
{
	mkfs ext4 "$origin"
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	dev=/dev/mapper/s0-data
	mnt $dev data
	make_files /mnt/data 20
	sync -f /mnt/data
	echo SYNCED
	smv snapshot data first
	cut_soon 1000 7000
	i=0
	while [ $i -lt 2000 ]; do
		head -c $(((i * 7919) % 70000 + 1)) /dev/urandom \
			>/mnt/data/n$((i % 60)).new
		sum=$(sha256sum </mnt/data/n$((i % 60)).new)
		mv /mnt/data/n$((i % 60)).new /mnt/data/n$i
		rm -f /mnt/data/n$((i - 60))
		sync /mnt/data/n$i
		echo "FILE n$i ${sum%% *}"
		if [ $((i % 8)) -eq 7 ]; then
			quiet snapmv snapshot data s$i
			echo "TAKEN s$i"
		fi
		if [ $((i % 24)) -eq 23 ]; then
			quiet snapmv delete data@s$((i - 8))
		fi
		i=$((i + 1))
	done
}

# The newest file synced by then is there, and as it was.
newest_file()	# DIR FILE-OF-LINES
{
	# shellcheck disable=SC2046
	set -- "$1" $(sed -n 's/^FILE //p' "$2" | tail -n 1)
	[ $# -eq 3 ] || return 0
	eq "$(sha256sum <"$1/$2" | cut -d ' ' -f 1)" "$3" "sum of $1/$2"
}

phase2()
{
	remember_store "$store"
	smv activate "$store"
	dev=/dev/mapper/s0-data
	said >said
	mend_super $dev
	mnt $dev data
	newest_file /mnt/data said
	(cd /mnt/data && quiet sha256sum -c --quiet .sums)
	unmnt data
	fsck $dev
	for volume in $(snapmv list -q | grep '@'); do
		name=${volume#*@}
		quiet snapmv activate "$volume"
		# It was frozen: clean as it is.
		fsck "$dev@$name"
		if grep -q "^TAKEN $name\$" said; then
			mnt "$dev@$name" snap ro
			sed "/^TAKEN $name\$/,\$d" said >until
			newest_file /mnt/snap until
			(cd /mnt/snap && quiet sha256sum -c --quiet .sums)
			unmnt snap
		fi
		quiet snapmv deactivate "$volume"
	done
}
