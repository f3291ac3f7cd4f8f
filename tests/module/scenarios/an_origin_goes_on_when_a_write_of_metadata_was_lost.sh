# The disk has lost writes of metadata: where the newest version of a block should be there is an older
# one, whole and valid. The store fails as for a block that is damaged; the origin's writes go on.
# timeout: 60

mkdisk data 8M
mkdisk store 16M
stamp write "$data" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
change()	# TAG: the allocation changes, and is written
{
	smv activate "$store"
	smv snapshot data "s$1"
	must stamp write /dev/mapper/s0-data --tag "$1" --from $((32 * $1)) --count 32
	smv deactivate s0
}
magic()	# FILE BLOCK
{
	dd if="$1" bs=4096 skip="$2" count=1 status=none | dd bs=1 skip=4 count=4 status=none | tr -d '\0'
}
for tag in 2 3; do
	change $tag
done
dd if="$store" bs=1M count=2 status=none of=older
for tag in 4 5 6; do
	change $tag
done
dd if="$store" bs=1M count=2 status=none of=newer
lost=0
for block in $(cmp -l older newer | awk '{block = int(($1 - 1) / 4096)} block != last {print block; last = block}'); do
	[ "$(magic older "$block")$(magic newer "$block")" = smvGsmvG ] || continue
	dd if=older of="$store" bs=4096 skip="$block" seek="$block" count=1 conv=notrunc,fsync status=none
	lost=$((lost + 1))
done
cond "$lost" -ge 1
mustfail 'a group block is damaged' snapmv check "$store"

smv activate "$store"
smv snapshot data s7
must stamp write /dev/mapper/s0-data --tag 7 --from 4096 --count 64
eq "$(field s0 state)" failed
must stamp check /dev/mapper/s0-data --tag 7 --from 4096 --count 64
smv deactivate -f s0/
smv repair -f "$store"
smv activate "$store"
must stamp write /dev/mapper/s0-data --tag 8 --from 4096 --count 64
eq "$(field s0 state)" ok
smv deactivate s0
