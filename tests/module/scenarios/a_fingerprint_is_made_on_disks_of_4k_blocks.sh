# An origin that was changed without the module is noticed also where the disk takes nothing smaller than 4096
# bytes, and a GPT for 512 is on it or its end is no whole block; where its fingerprint cannot be made, that is said.
# timeout: 60

mkdisk data 16M bs=4096
mkdisk under 32M bs=4096
mkdisk plain 16M
mkdisk store 64M bs=4096
mkdisk store2 64M
put()	# FILE OFFSET BYTES
{
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# a GPT whose second partition begins at 8 MiB + 512
truncate -s 8K gpt
put gpt 510 '\125\252'
put gpt 512 'EFI PART'
put gpt 584 '\2\0\0\0'
put gpt 592 '\200\0\0\0\200\0\0\0'
put gpt 1184 '\1\100\0\0'
run dd if=gpt of="$data" bs=8K conv=fsync status=none

smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
snapmv snapshot -S "$store" data a 2>err
eq "$(cat err)" '' 'what was said'
stamp write "$data" --tag 1 --from 16384 --count 8
mustfail 'data.*without the module.*-f' snapmv rollback -S "$store" data@a
smv activate -f "$store"
eq "$(suspect data@a)" true
smv deactivate s0

mkfs ext4 "$under"
mnt "$under" under
truncate -s $((8 * 1048576 + 512)) /mnt/under/image
smv add "$store" /mnt/under/image image
smv snapshot -S "$store" image a
put /mnt/under/image 8388608 'x'
mustfail 'image.*without the module.*-f' snapmv rollback -S "$store" image@a

obey plain
smv format -c 16K -l s1 "$store2"
smv add "$store2" "$plain" plain
order plain fail read 1 100000
snapmv snapshot -S "$store2" plain a 2>err
calm plain
must grep -qx 'snapmv: snapshot plain: warning: .*cannot be read.*nobody notices.*' err
smv activate "$store2"
order plain fail read 1 100000
snapmv deactivate s1 2>err
calm plain
must grep -q 'plain: warning: .*cannot be read' err
