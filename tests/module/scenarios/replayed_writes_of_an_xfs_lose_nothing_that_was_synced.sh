# An XFS is written, each file synced, with snapshots taken and deleted between: at any point of the
# record of all writes, with any unflushed ones lost, snapshots are clean and as they were taken, and the origin
# mounts, is clean, and has what was synced.
# host: replay
# long
# disks: fs=320M store=96M marks=1M
# points: 60 6
# points-long: 400 16
# timeout: 200
# memory: 1G

phase1()
{
	mkfs xfs "$fs"
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$fs" fs
	smv activate "$store"
	mnt /dev/mapper/s0-fs fs
	note start
	i=0
	while [ $i -lt 60 ]; do
		head -c $(((i * 7919) % 90000 + 1)) /dev/urandom >/mnt/fs/new
		mv /mnt/fs/new "/mnt/fs/n$((i % 25))"
		sync "/mnt/fs/n$((i % 25))"
		sync /mnt/fs
		note "FILE n$((i % 25)) $(sha256sum <"/mnt/fs/n$((i % 25))" | cut -d ' ' -f 1)"
		if [ $((i % 10)) -eq 9 ]; then
			take fs g$((i / 10))
			note "TAKEN g$((i / 10))"
			[ $i -lt 30 ] || drop fs@g$((i / 10 - 3))
		fi
		i=$((i + 1))
	done
	unmnt fs
}

# In a folder with the volumes as files.
judge()
{
	for image in fs@*; do
		[ -e "$image" ] || continue
		quiet xfs_repair -n "$image"
		rm "$image"
	done
}

# The newest file synced before the mark UNTIL is there.
synced_file()	# UNTIL FOLDER
{
	last_file "$1" || return 0
	eq "$(sha256sum <"$2/$LF_NAME" | cut -d ' ' -f 1)" "$LF_SUM" "sum of $LF_NAME in $2"
}

phase2()
{
	for point in /smv/points/*; do
		point=${point##*/}
		load_point "$point"
		remember_store "$store"
		smv activate "$store"
		snapshots_as_expected "$point"
		mnt /dev/mapper/s0-fs fs
		synced_file '' /mnt/fs
		unmnt fs
		fsck /dev/mapper/s0-fs
		for volume in $(snapmv list -q | grep '@'); do
			quiet snapmv activate "$volume"
			mnt "/dev/mapper/s0-$volume" snap ro
			synced_file "TAKEN ${volume#*@}" /mnt/snap
			unmnt snap
			quiet snapmv deactivate "$volume"
		done
		settle s0
		take_down
	done
}
