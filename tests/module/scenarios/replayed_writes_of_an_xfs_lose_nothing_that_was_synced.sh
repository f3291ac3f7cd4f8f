# An XFS with a log so small that it is overwritten again and again is written, file by file synced,
# while directories come and go beside, with snapshots taken and deleted between, and one rolled back to: at any point of the
# record of all writes, with any unflushed ones lost, snapshots are as they were taken, the origin and they
# mount, their logs replayed, are clean, and have all that was synced.
# host: replay
# long
# disks: fs=48M store=64M marks=1M
# points: 60 3
# points-long: 1000 30
# judge-every-long: 4
# timeout: 200

phase1()
{
	# Less than 300 MiB, and less than 64 of them log, are not for users, says mkfs.
	quiet mkfs.xfs --unsupported -q -f -K "$fs"
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$fs" fs
	smv activate "$store"
	mnt /dev/mapper/s0-fs fs
	note start
	churn & churner=$!
	i=0
	while [ $i -lt 40 ]; do
		write_file $i
		if [ $((i % 8)) -eq 7 ]; then
			take fs g$((i / 8))
			[ $i -lt 24 ] || drop fs@g$((i / 8 - 3))
		fi
		[ $i -ne 28 ] || filesystem_back
		i=$((i + 1))
	done
	touch stop
	wait $churner
	unmnt fs
}

write_file()	# I
{
	wf_name=n$(($1 % 15))
	note "WRITE $wf_name"
	head -c $((($1 * 7919) % 90000 + 1)) /dev/urandom >/mnt/fs/new
	mv /mnt/fs/new "/mnt/fs/$wf_name"
	sync "/mnt/fs/$wf_name"
	sync /mnt/fs
	note "FILE $wf_name $(sha256sum <"/mnt/fs/$wf_name" | cut -d ' ' -f 1)"
}

filesystem_back()
{
	touch stop
	wait $churner
	rm stop
	unmnt fs
	note 'BACKING fs@g2'
	smv rollback --no-undo fs@g2
	note 'BACKED fs@g2'
	mnt /dev/mapper/s0-fs fs
	churn & churner=$!
}

# Beside, nothing of it synced.
churn()
{
	ch_i=0
	while [ ! -e stop ]; do
		mkdir -p "/mnt/fs/d$((ch_i % 7))"
		head -c $(((ch_i * 4111) % 60000 + 1)) /dev/urandom >"/mnt/fs/d$((ch_i % 7))/f$ch_i"
		rm -rf "/mnt/fs/d$(((ch_i + 2) % 7))"
		ch_i=$((ch_i + 1))
	done
}

# In a folder with the volumes as files: xfs_repair has nothing to say of a snapshot but that its log
# is to be replayed, where a frozen XFS has its newest counters.
judge()
{
	for image in fs@*; do
		[ -e "$image" ] || continue
		xfs_repair -n "$image" >repaired 2>&1 || :
		grep -q '^Phase 7' repaired || fail "xfs_repair of $image: $(tail -1 repaired)"
		! grep -Ev "$FINE" repaired || fail "xfs_repair finds fault with $image"
	done
	rm -f fs fs@*
}

FINE='^(Phase|No modify|[[:space:]]|sb_(fdblocks|ifree|icount) |Cannot get host|Repair may|the image'
FINE="$FINE|ALERT: The filesystem has|ignored because|which may be)"

# All files that were synced before the mark UNTIL (before the end, if that is empty) are there, but
# for one that was just being written anew.
synced_files()	# UNTIL FOLDER
{
	awk -v until="$1" '$0 == until && until != "" { exit }
		$1 == "WRITE" { delete sum[$2] }
		$1 == "FILE" { sum[$2] = $3 }
		$1 == "snapshot+" { for (name in sum) then[$2, name] = sum[name] }
		$1 == "BACKING" { split("", sum) }
		$1 == "BACKED" { for (key in then) {
			split(key, part, SUBSEP)
			if (part[1] == $2) sum[part[2]] = then[key]
		} }
		END { for (name in sum) print sum[name] "  " name }' said >sums
	[ -s sums ] || return 0
	(cd "$2" && quiet sha256sum -c "$OLDPWD/sums") || fail "a file synced is not on $2"
}

recovered()	# DM-NAME UNTIL
{
	mnt "/dev/mapper/$1" fs
	synced_files "$2" /mnt/fs
	unmnt fs
	fsck "/dev/mapper/$1"
}

phase2()
{
	each_point all_recovered
}

all_recovered()
{
	recovered s0-fs ''
	for volume in $(snapmv list -q | grep '@'); do
		quiet snapmv activate "$volume"
		recovered "s0-$volume" "snapshot+ $volume"
		quiet snapmv deactivate "$volume"
	done
}
