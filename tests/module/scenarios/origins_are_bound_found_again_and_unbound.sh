# Binding an origin: what cannot be one is refused; activation needs no options
# and finds it under another name; unbinding is refused while it has snapshots
# or is active, and works with its device gone; the same for an inactive store.
# timeout: 60

mkdisk disk 40M
mkdisk store 32M
mkdisk fresh 32M
run dmsetup create -u TEST-one lin --table "0 16384 linear $disk 0"
SMV_DM='lin'
stamp write /dev/mapper/lin --tag 1
smv format -l s0 "$store"
mustfail 'No such|no such|not there' snapmv add "$store" /dev/nowhere data
mustfail 'is the store itself' snapmv add "$store" "$store" data
mustfail 'store|format' snapmv add "$fresh" /dev/mapper/lin data
mustfail 'name' snapmv add "$store" /dev/mapper/lin 'da ta'
eq "$(snapmv list -q)" '' 'origins after refusals'
dm_make on "0 65536 linear $fresh 0"
smv format -l on /dev/mapper/on
mustfail 'it on this' snapmv add /dev/mapper/on "$fresh" data
# a number is no name
dm_make plain "0 16384 linear $disk 16384"
smv add on/ "/dev/$(kname /dev/mapper/plain)" data
eq "$(json '.stores[] | select(.label == "on") | .volumes[0].identity' list)" path:/dev/mapper/plain
smv erase /dev/mapper/on
forget_store /dev/mapper/on
dm_remove plain
dm_remove on
smv add "$store" /dev/mapper/lin data
mustfail 'has an origin of this name' snapmv add "$store" "$disk" data
mustfail 'registered|already' snapmv add "$store" /dev/mapper/lin data2
smv activate "$store"
mustfail 'registered|already|volume' snapmv add "$store" /dev/mapper/lin data2
mustfail 'volume|in use' snapmv add "$store" /dev/mapper/s0-data data2
mustfail 'active' snapmv remove data
smv snapshot data a
smv deactivate data
mustfail 'has 1 snapshot|has snapshots' snapmv remove data
smv deactivate s0

# Another name, the same device: no options are needed.
run dmsetup rename lin other
SMV_DM='other'
smv activate "$store"
must stamp check /dev/mapper/s0-data --tag 1
stamp write /dev/mapper/s0-data --tag 2
smv deactivate s0
mustfail 'has 1 snapshot|has snapshots' snapmv remove -S "$store" data
mustfail 'an origin of the store s0' snapmv format /dev/mapper/other

# Without its device: the store comes up, the origin is named; another device
# with a copy of the data is not taken for it.
dm_remove other
run dmsetup create -u TEST-two lin --table "0 16384 linear $disk 0"
SMV_DM='lin'
mustfail 'data: its device is not there' snapmv activate "$store"
eq "$(active_stores)" s0 'active stores'
mustfail 'its device is not there' snapmv activate data
smv set -S "$store" data device=/dev/mapper/lin
smv activate data data@a
must stamp check /dev/mapper/s0-data --tag 2
must stamp check /dev/mapper/s0-data@a --tag 1
smv deactivate s0

# Its device is gone for good: unbound all the same.
dm_remove lin
smv delete -S "$store" --wait data@a
smv remove -S "$store" data
eq "$(snapmv list -q)" '' 'origins'
smv activate "$store"
eq "$(field s0 origins)/$(field s0 data)" 0/0 'origins and data'
smv deactivate s0

# A partition is known by its own uuid, on whatever disk it is; two with one uuid are neither.
partition()	# DEV: an MBR, signature "abcd", with one partition from sector 2048 on
{
	printf '\0\0\1\0\203\0\1\0\000\010\0\0\000\100\0\0' |
		run dd of="$1" bs=1 seek=446 conv=notrunc status=none
	printf abcd | run dd of="$1" bs=1 seek=440 conv=notrunc status=none
	printf '\125\252' | run dd of="$1" bs=1 seek=510 conv=notrunc status=none
	run blockdev --rereadpt "$1"
}

mkdisk first 16M
mkdisk second 16M
partition "$first"
smv add "$store" "${first}1" part
eq "$(json '.stores[0].volumes[0].identity' list)" partuuid:64636261-01
stamp write "${first}1" --tag 5
run dd if="$first" of="$second" bs=1M status=none
partition "$second"
mustfail 'part: several devices match' snapmv activate "$store"
rmdisk "$first"
smv activate part
must stamp check /dev/mapper/s0-part --tag 5

# One known by its path only is known by what was named, which may lead elsewhere after a reboot.
mkdisk third 16M
mkdisk fourth 16M
stamp write "$third" --tag 6
mkdir -p /dev/md
ln -s "$fourth" /dev/md/home
smv add s0/ /dev/md/home home
eq "$(json '.stores[0].volumes[] | select(.name == "home") | .identity' list)" path:/dev/md/home
smv deactivate s0
ln -sf "$third" /dev/md/home
smv activate home
must stamp check /dev/mapper/s0-home --tag 6
smv deactivate s0
rm /dev/md/home
smv remove -S "$store" home
