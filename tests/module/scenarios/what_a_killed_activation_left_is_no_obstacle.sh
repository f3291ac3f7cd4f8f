# An activation that is killed between two of its steps leaves a device without a table, or with
# one that is not in use yet. The next activation brings all up.
# timeout: 60

mkdisk origin 8M
mkdisk store 32M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
smv activate data@a
for name in s0 s0-data s0-data@a; do
	dmsetup table $name >$name.table
	dmsetup info -c --noheadings -o uuid $name >$name.uuid
done
smv deactivate s0

left()	# NAME: what was made of it
{
	must dmsetup create "$1" --notable --uuid "$(cat "$1.uuid")"
}
left s0
smv activate "$store"
must stamp check /dev/mapper/s0-data --tag 1
smv deactivate s0
left s0
must dmsetup load s0 s0.table
smv activate "$store"
smv activate data@a
smv deactivate data
must stamp check /dev/mapper/s0-data@a --tag 1
left s0-data
smv activate data
must stamp check /dev/mapper/s0-data --tag 1
smv deactivate data
left s0-data
must dmsetup load s0-data s0-data.table
smv activate "$store"
must stamp check /dev/mapper/s0-data --tag 1
