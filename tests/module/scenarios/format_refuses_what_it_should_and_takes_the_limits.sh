# Formatting: odd chunk sizes, too small a device, known signatures, devices in use,
# a store formatted or opened twice at once are refused; the smallest and largest
# chunk and name work; whatever is refused changes nothing.
# timeout: 60

mkdisk store 32M
mkdisk origin 8M
sum=$(sumdev "$store")
for size in 3K 2K 512 0 12K 96K 1000K 2M 4G 4097 -4K 64KK x; do
	mustfail 'chunk|size' snapmv format -c "$size" "$store"
done
mustfail 'label' snapmv format -l 12345678901234567890123456789012 "$store"
mustfail 'label' snapmv format -l 'a b' "$store"
mustfail 'label' snapmv format -l .hidden "$store"
mustfail 'label' snapmv format -l a/b "$store"
eq "$(sumdev "$store")" "$sum" 'checksum of the device'
mkdisk tiny 64K
mustfail 'small' snapmv format "$tiny"
mustfail 'small' snapmv format -c 1M "$origin"

mkfs ext4 "$origin"
mustfail 'holds ext4' snapmv format "$origin"
mnt "$origin" o
mustfail 'in use' snapmv format -f "$origin"
unmnt o
fsck "$origin"
label31=1234567890123456789012345678901
smv format -c 4K -l $label31 "$store"
mustfail 'holds a snapmv store' snapmv format -l other "$store"
wipefs -a "$origin" >/dev/null
stamp write "$origin" --tag 1
name31=abcdefghijklmnopqrstuvwxyz-_.+5
name60=$(printf 'n:%.0s' $(seq 30))
for name in "${name31}x" 'a b' 'a@b' .a 'a/b' 'ä' 'a:b'; do
	mustfail 'name' snapmv add "$store" "$origin" "$name"
done
smv add "$store" "$origin" "$name31"
smv activate "$store"
for name in "${name60}x" 'a b' .a 'a/b' 'ä' "a${name31}%"; do
	mustfail 'name' snapmv snapshot "$name31" "$name"
done
smv snapshot "$name31" "$name60"
mustfail 'in use' snapmv format -f "$store"
smv activate "$name31@$name60"
stamp write "/dev/mapper/$label31-$name31" --tag 2
must stamp check "/dev/mapper/$label31-$name31@$name60" --tag 1
smv deactivate $label31
must stamp check "$origin" --tag 2
smv list

# In use by somebody else; opened by two at once.
dm_make holder "0 $(sectors "$store") linear $store 0"
mustfail 'in use' snapmv format -f "$store"
mustfail 'in use' snapmv activate "$store"
dm_remove holder

# The largest chunk: the whole origin is overwritten, small pieces of it first.
smv format -f -c 1M -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 3 --random 20 --sectors 1-9
stamp write /dev/mapper/s0-data --tag 4
smv activate data@a
must stamp check /dev/mapper/s0-data@a --tag 2
stamp write /dev/mapper/s0-data@a --tag 5 --random 50 --sectors 1-9 --map a.map
eq "$(field s0 chunk_sectors)" 2048
# Two activations and two formats at once: one of each, or none.
smv deactivate s0
snapmv activate "$store" >one 2>&1 & one=$!
snapmv activate "$store" >two 2>&1 & two=$!
wait $one || :
wait $two || :
cat one two
eq "$(active_stores)" s0 'active stores'
snapmv format -f "$store" >one 2>&1 & one=$!
snapmv format -f "$store" >two 2>&1 & two=$!
! wait $one || fail 'formatted an active store'
! wait $two || fail 'formatted an active store'
smv activate data data@a
must stamp check /dev/mapper/s0-data --tag 4
