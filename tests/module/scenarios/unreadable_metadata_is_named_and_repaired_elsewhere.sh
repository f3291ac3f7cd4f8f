# Metadata that cannot be read any more (bad sectors) is named by check; repair writes a clean store elsewhere, which
# the kernel takes: each snapshot reads as before, or as errors. The kernel takes a restored store, too.
# timeout: 90
# console: Buffer I/O error

mkdisk origin 8M
mkdisk store 32M
mkdisk other 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1 --map data.map
for tag in 2 3 4; do
	smv snapshot data s$tag
	cp data.map s$tag.map
	stamp write /dev/mapper/s0-data --tag $tag --map data.map --random 100 --sectors 8
done
smv activate data@s3
stamp write /dev/mapper/s0-data@s3 --tag 9 --map s3.map --random 60 --sectors 8
smv deactivate s0
check_store "$store"
snapmv dump "$store" >whole.dump

# restored over metadata of which nothing is left: superblocks, directory, journal, bitmaps
run dd if=/dev/zero of="$store" bs=4k seek=1 count=60 conv=notrunc status=none
mustfail 'holds no store' snapmv list "$store"
smv restore -f whole.dump "$store"
snapmv dump "$store" | cmp - whole.dump || fail 'dump, restore, dump differ'
smv activate "$store"
for tag in 2 3 4; do
	snapshot_is s0 data@s$tag s$tag.map
done
smv snapshot data s5
cp data.map s5.map
stamp write /dev/mapper/s0-data --tag 5 --map data.map --random 40 --sectors 8
snapshot_is s0 data@s5 s5.map
smv delete --wait data@s5
smv deactivate s0
check_store "$store"

# 8 bytes of a block; the superblock that counts is $slot
number() { dd if="$store" bs=8 skip=$((512 * $2 + $1 / 8)) count=1 status=none | od -An -tu8 | tr -d ' '; }
slot=1
[ "$(number 32 2)" -lt "$(number 32 1)" ] || slot=2
exceptions=$(number 200 $slot)
cond "$exceptions" -gt 0
leaf=$(number $((64 + 48 + 24)) "$exceptions")	# its second child
say "superblock $slot, exceptions' root $exceptions, a leaf $leaf"
cond "$leaf" -gt 0
size=$(sectors "$store")
unused=0
for block in $exceptions $leaf 5 4 $slot; do
	dm_make bad "0 $((block * 8)) linear $store 0
$((block * 8)) 8 error
$((block * 8 + 8)) $((size - block * 8 - 8)) linear $store $((block * 8 + 8))"
	run dd if=/dev/zero of="$other" bs=4k seek=1 count=2 conv=notrunc status=none
	if snapmv check /dev/mapper/bad >found 2>&1; then
		case $block in	# of a pair one counts
		4|5)	unused=$((unused + 1)) ;;
		*)	fail "check does not see that block $block cannot be read" ;;
		esac
	else
		must grep -q "^read: " found
		must grep "^read: block $block: " found
		must snapmv repair /dev/mapper/bad "$other" >repaired
		cat repaired
		grep -q '; 0 losses' repaired || [ "$block" = "$leaf" ] || fail 'the leaves are all there'
		check_store "$other"
		case $block in
		4|5)		cp "$other" directory ;;
		"$exceptions")	cp "$other" root ;;
		"$leaf")	cp "$other" leaf ;;
		esac
	fi
	dm_remove bad
done
eq $unused 1 'directory blocks that do not count'
forget_store "$store"

# what came of the directory's and the root's loss has lost nothing; of a leaf's, reads right or as an error
run dd if=/dev/zero of="$store" bs=4k seek=1 count=2 conv=notrunc status=none
for image in directory root; do
	run dd if=$image of="$other" bs=1M status=none
	smv activate "$other"
	for tag in 2 3 4; do
		snapshot_is s0 data@s$tag s$tag.map
	done
	smv deactivate s0
	check_store "$other"
done
run dd if=leaf of="$other" bs=1M status=none
smv activate "$other"
must stamp check /dev/mapper/s0-data --map data.map
for tag in 2 3 4; do
	smv activate data@s$tag
	must stamp check /dev/mapper/s0-data@s$tag --map s$tag.map --readable >>read
done
must grep 'cannot be read' read
smv deactivate s0
check_store "$other"
