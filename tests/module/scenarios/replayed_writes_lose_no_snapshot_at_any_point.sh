# Everything that reaches the disks is recorded while threads write an origin with fsync, an
# ext4 is written and synced, snapshots of both are taken together and deleted, the ext4 and a third
# origin are rolled back and written on, and a snapshot is written: at any point of this record, with any
# unflushed writes lost, the store activates and checks clean, every snapshot reported holds what it
# held, what was flushed is there, and filesystems are whole.
# host: replay
# kernels: 6.1
# disks: data=8M fs=16M roll=8M store=80M marks=1M
# points: 48 1
# points-long: 2000 40
# judge-every-long: 2
# timeout: 120

phase1()
{
	stamp write "$roll" --tag 1 --sync
	mkfs ext4 "$fs"
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$data" data
	smv add "$store" "$fs" fs
	smv add "$store" "$roll" roll
	smv activate "$store"
	mnt /dev/mapper/s0-fs fs
	note start
	hammer run state --threads 3 --sectors 1-40 --flush-every 8 --dsync 5 --pause 3000 \
		--notes "$marks" /dev/mapper/s0-data >flushed & writer=$!
	wait_for 20 hammering state
	take roll r0
	stamp write /dev/mapper/s0-roll --tag 2 --io 64K
	i=0
	while [ $i -lt 9 ]; do
		one_round $i
		i=$((i + 1))
	done
	hammer stop state
	wait $writer
	wait $other
	hammer stop state4
	wait $third
	unmnt fs
	wait_for 60 is s0-roll rolling 0	# else it is not deactivated
}

one_round()	# I
{
	write_file "$1"
	hammer mark state "before$1" | logmark "$marks" -
	take data "g$1" fs "g$1"
	hammer mark state "after$1" | logmark "$marks" -
	note "TAKEN g$1"
	[ "$1" -lt 3 ] || drop "data@g$(($1 - 3))" "fs@g$(($1 - 2))"
	case $1 in
	1)	roll_back ;;
	3)	write_snapshot ;;
	5)	filesystem_back ;;
	esac
}

# To where it has the file of the round before as its newest; which says so from then on.
filesystem_back()
{
	unmnt fs
	note 'BACKING fs'
	smv rollback --no-undo fs@g4
	note "$fourth"
	note 'BACKED fs'
	mnt /dev/mapper/s0-fs fs
}

write_file()	# I
{
	head -c $((($1 * 7919) % 70000 + 1)) /dev/urandom >"/mnt/fs/n$1"
	sync "/mnt/fs/n$1"
	file="FILE n$1 $(sha256sum <"/mnt/fs/n$1" | cut -d ' ' -f 1)"
	[ "$1" != 4 ] || fourth=$file
	note "$file"
	rm -f "/mnt/fs/n$(($1 - 4))"
}

roll_back()
{
	note 'snapshot+ roll@undo'
	must snapmv rollback --undo undo roll@r0
	note 'snapshot- roll@undo'
	note ROLLED
	hammer run state3 --threads 1 --seed 3 --flush-every 8 --count 250 --notes "$marks" \
		/dev/mapper/s0-roll >flushed3 & other=$!
	take roll during
}

write_snapshot()
{
	take roll@r0 w
	note 'own roll@w'
	quiet snapmv activate roll@w
	hammer run state4 --threads 1 --seed 4 --flush-every 8 --pause 2000 --notes "$marks" \
		/dev/mapper/s0-roll@w >flushed4 & third=$!
}

durable()	# SEED THREADS VOLUME [OPTION...]
{
	sed -n "s/^F$1 /F /p" said >durable
	du_args="--seed $1 --threads $2 --durable durable"
	du_volume=$3
	shift 3
	# shellcheck disable=SC2086
	must hammer check $du_args "$@" "$du_volume"
}

# In a folder with the volumes as files.
judge()
{
	durable 1 3 data --sectors 1-40
	for i in 0 1 2 3 4 5 6 7 8; do
		[ ! -e data@g$i ] || ! grep -q "^M after$i 2" said ||
			must hammer check --threads 3 --sectors 1-40 --marks said \
				--before before$i --after after$i data@g$i
		[ ! -e fs@g$i ] || must e2fsck -fn fs@g$i
		[ ! -e fs@g$i ] || synced_file "TAKEN g$i" fs@g$i
	done
	judge_roll . roll roll@
	mend_super fs
	e2fsck -fp fs || [ $? -eq 1 ] || fail 'the filesystem is damaged'
	must e2fsck -fn fs
	grep -q '^BACKING' said && ! grep -q '^BACKED' said || synced_file '' fs
	rm -f ./*@*
}

judge_roll()	# FOLDER ORIGIN SNAPSHOT-PREFIX
{
	if grep -q '^ROLLED' said; then
		durable 3 1 "$1/$2"
		must stamp check "$1/$2" --tag 1 --or-other
	fi
	[ ! -e "$1/$3r0" ] || must stamp check "$1/$3r0" --tag 1
	[ ! -e "$1/$3undo" ] || ! grep -q '^ROLLED' said || must stamp check "$1/$3undo" --tag 2
	if grep -q '^own' said; then
		durable 4 1 "$1/$3w"
		must stamp check "$1/$3w" --tag 1 --or-other
	fi
}

# The newest file synced before the mark UNTIL is there.
synced_file()	# UNTIL IMAGE
{
	last_file "$1" || return 0
	debugfs -R "dump /$LF_NAME file" "$2" 2>/dev/null
	eq "$(sha256sum <file | cut -d ' ' -f 1)" "$LF_SUM" "sum of $LF_NAME on $2"
	rm file
}

phase2()
{
	each_point all_is_there
}

all_is_there()	# POINT
{
	quiet snapmv activate roll@r0 roll@undo roll@w >/dev/null 2>&1 || :
	wait_for 60 is s0-roll rolling 0
	judge_roll /dev/mapper s0-roll s0-roll@
	durable 1 3 /dev/mapper/s0-data --sectors 1-40
	mend_super /dev/mapper/s0-fs
	mnt /dev/mapper/s0-fs fs
	unmnt fs
	fsck /dev/mapper/s0-fs
	settle s0
	snapshots_as_expected "$1"
}
