# SPDX-License-Identifier: GPL-2.0-only
# What of an origin's contents is noticed when it was changed without the module.

. "$(dirname "$0")/lib"

# BYTES at OFFSET of the origin
put()
{
	printf "$2" | dd of=origin bs=1 seek="$1" conv=notrunc status=none
}

noticed()
{
	refused 1 'data.*without the module' smv rollback -S ./store data@a
}

# Of four bytes at OFFSET
change_is_noticed_at()
{
	dd if=origin of=was bs=1 skip="$1" count=4 status=none
	put "$1" '\1\2\3\4'
	noticed
	dd if=was of=origin bs=1 seek="$1" conv=notrunc status=none
}

t_superblocks_are_noticed_wherever_filesystems_begin()
{
	truncate -s 16M store
	truncate -s 300M origin
	# a partition at 50 MiB in the MBR, and one at 77 MiB in a GPT
	put 510 '\125\252'
	put 454 '\0\220\1\0'
	put 512 'EFI PART'
	put 584 '\2\0\0\0'
	put 592 '\200\0\0\0\200\0\0\0'
	put 1056 '\0\150\2\0'
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	for mib in 0 1 2 4 8 16 32 64 128 256 50 77; do
		change_is_noticed_at $((mib * 1048576 + 1024 + 52))
		change_is_noticed_at $((mib * 1048576 + 65536 + 72))
	done
	must smv rollback --wait --no-undo -S ./store data@a
}

suspects()
{
	out smv list --json ./store >list.json
	json list.json "' '.join(v['name'] for v in j['stores'][0]['volumes'] if v['suspect'])"
}

t_a_snapshot_of_a_changed_origin_is_refused_and_forced_is_the_right_one()
{
	make_store
	must smv snapshot -S ./store data old
	put 2097152 'x'
	refused 1 'data.*without the module.*snapshot -f' smv snapshot -S ./store data new
	refused 1 'data.*without the module' smv snapshot -S ./store data@old older data new
	must smv snapshot -S ./store data@old older
	eq "$(suspects)" ''
	must smv snapshot -f -S ./store data new
	eq "$(suspects)" 'data@old data@older' 'what is suspect'
	must smv rollback --wait --no-undo -S ./store data@new
	put 2097152 'y'
	refused 1 'data.*without the module' smv snapshot -S ./store data newer
}

# Stores in the field have them; neither its end nor the entries of its GPT begin at a whole block.
t_the_same_contents_have_the_fingerprint_they_always_had()
{
	truncate -s 16M store
	python3 -c 'open("origin", "wb").write((bytes(range(251)) * 17000)[:4 << 20] + bytes(512))'
	put 510 '\125\252'
	put 512 'EFI PART'
	put 584 '\2\0\0\0'
	put 592 '\200\0\0\0\200\0\0\0'
	put 1056 '\1\10\0\0'
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	out smv dump ./store >dump
	eq "$(sed -n 's/.* name=data .*fingerprint=\([0-9a-f]*\).*/\1/p' dump)" \
		"02000000000000000002400000000000a98a141d9b3edb173fcdd83618e6251a$(:
		)01000000000000009414f12ec17361d5088038013d65e0fc93985c9cc36ef3d1"
}

# A clean journal, then one record more at its head, at 40 of its 64 MiB.
t_the_head_of_an_xfs_journal_is_noticed()
{
	truncate -s 16M store
	truncate -s 400M origin
	must mkfs.xfs -q -l size=64m origin
	at=$(xfs_db -c 'sb 0' -c 'print blocksize logstart agblocks agblklog' origin |
		sed -n 's/ = /=/p' | tr '\n' ';')
	eval "$at"
	at=$((((logstart >> agblklog) * agblocks + (logstart & ((1 << agblklog) - 1))) * blocksize))
	python3 - $at <<-'END'
		import sys
		at = int(sys.argv[1])
		with open('origin', 'r+b') as f:
		    for sector in range(64 * 2048):
		        f.seek(at + 512 * sector)
		        f.write((7 if sector < 40 * 2048 else 6).to_bytes(4, 'big'))
	END
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	put $((at + 40 * 1048576)) '\0\0\0\7'
	noticed
	put $((at + 40 * 1048576)) '\0\0\0\6'
	must smv rollback --wait --no-undo -S ./store data@a
}

run_tests "$@"
