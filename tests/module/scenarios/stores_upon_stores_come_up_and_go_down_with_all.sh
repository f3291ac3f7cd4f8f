# All stores at once, as at boot and at shutdown: one that is made on an origin of another is not taken for a store on
# the raw device, which is ruined by that; one whose origin is a volume of another comes up after it; and
# all go down, in whatever order they are found.
# timeout: 60

mkdisk one 32M
mkdisk two 32M
mkdisk three 32M
mkdisk four 32M
mkdisk middle 64M
mkdisk before 32M
smv format -l mm "$middle"
smv add "$middle" "$one" one
smv add "$middle" "$two" two
smv add "$middle" "$three" three
smv activate "$middle"
smv format -l aa /dev/mapper/mm-one
smv format -l zz /dev/mapper/mm-two
smv add /dev/mapper/mm-one "$four" data
smv format -l bb "$before"
smv add "$before" /dev/mapper/mm-three data
smv snapshot one a two a
smv activate /dev/mapper/mm-one /dev/mapper/mm-two "$before"
names='aa aa-data bb bb-data mm mm-one mm-three mm-two zz '
eq "$(dmsetup ls | awk '{print $1}' | sort | tr '\n' ' ')" "$names" 'what is up'

smv deactivate -a
eq "$(dmsetup ls 2>&1)" 'No devices found' 'what is left'

for round in 1 2; do	# the second time all is up
	smv activate -a
	eq "$(dmsetup ls | awk '{print $1}' | sort | tr '\n' ' ')" \
		'bb bb-data mm mm-one mm-three mm-two ' "what is up in round $round"
done
eq "$(json '[.stores[].volumes[] | select(.suspect)] | length' list)" 0 'suspect snapshots'
eq "$(json '.stores | map(.label) | join(" ")' list)" 'bb mm' 'what is listed'
smv activate /dev/mapper/mm-one /dev/mapper/mm-two
eq "$(dmsetup ls | awk '{print $1}' | sort | tr '\n' ' ')" "$names" 'what is up at last'
smv deactivate -a
eq "$(dmsetup ls 2>&1)" 'No devices found' 'what is left at last'
smv activate -a
forget_store /dev/mapper/mm-one
forget_store /dev/mapper/mm-two
