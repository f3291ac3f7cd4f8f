# An ext4 on a snapshot, of which each file is synced, with nothing beside that would commit for it: what
# ends a sync is ext4's commit block, written with FUA. At any point of the record of all writes, with any
# unflushed ones lost, the snapshot mounts, its journal replayed, is clean, and has all that was synced; and
# another, of the same origin, is as it was taken.
# host: replay
# long
# disks: data=24M store=48M marks=1M
# points: 100 2
# points-long: 1000 8
# judge-every: 2
# timeout: 200

phase1()
{
	stamp write "$data" --tag 1 --sync
	smv format -c 16K -l s0 "$store"
	smv add "$store" "$data" data
	smv activate "$store"
	note start
	mkfs ext4 /dev/mapper/s0-data
	take data kept
	take data a
	smv activate data@a
	note 'own data@a'
	mnt /dev/mapper/s0-data@a fs
	i=0
	while [ $i -lt 60 ]; do
		write_file $i
		i=$((i + 1))
	done
	unmnt fs
}

write_file()	# I
{
	wf_name=n$(($1 % 15))
	note "WRITE $wf_name"
	head -c $((($1 * 7919) % 50000 + 1)) /dev/urandom >/mnt/fs/new
	mv /mnt/fs/new "/mnt/fs/$wf_name"
	sync "/mnt/fs/$wf_name"
	note "FILE $wf_name $(sha256sum <"/mnt/fs/$wf_name" | cut -d ' ' -f 1)"
}

# All that were synced are there, but for one that was just being written anew. READ NAME: its contents.
synced_files()	# READ
{
	awk '$1 == "WRITE" { delete sum[$2] }
		$1 == "FILE" { sum[$2] = $3 }
		END { for (name in sum) print name, sum[name] }' said >sums
	while read -r name sum; do
		[ "$($1 "$name" 2>/dev/null | sha256sum | cut -d ' ' -f 1)" = "$sum" ] ||
			fail "$name is not what was synced"
	done <sums
}

# In a folder with the volumes as files: the journal is replayed into a copy's file.
from_image()	# NAME
{
	debugfs -R "cat /$1" data@a
}

judge()
{
	if [ -e data@a ]; then
		e2fsck -fp data@a >checked 2>&1 || [ $? -eq 1 ] || fail "e2fsck: $(tail -1 checked)"
		synced_files from_image
	fi
	rm -f data data@*
}

from_mount()	# NAME
{
	cat "/mnt/fs/$1"
}

phase2()
{
	each_point all_recovered
}

all_recovered()
{
	grep -q '^own' said || return 0
	smv activate data@a
	mnt /dev/mapper/s0-data@a fs
	synced_files from_mount
	unmnt fs
	fsck /dev/mapper/s0-data@a
}
