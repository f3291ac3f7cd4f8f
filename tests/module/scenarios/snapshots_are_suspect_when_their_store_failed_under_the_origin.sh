# A store that has failed records nothing of what its origins are written from then on. Activated
# again in the same boot it has the snapshots of those that were up marked suspect; not those of
# one that was down, nor any after a clean deactivation.
# timeout: 90

mkdisk origin 16M
mkdisk other 16M
mkdisk disk 64M
dm_make store "0 131072 linear $disk 0"
store=/dev/mapper/store
stamp write "$origin" --tag 1
smv format -c 16K -l s0 $store
smv add $store "$origin" data
smv add $store "$other" down
smv activate $store
smv snapshot data a down b
smv deactivate down
smv deactivate s0
smv activate data@a
eq "$(suspect data@a)" false
smv activate data
dm_load store '0 131072 error'
is_failed()
{
	stamp write /dev/mapper/s0-data --tag 2 --random 10 2>/dev/null
	[ "$(field s0 state)" = failed ]
}
wait_for 20 is_failed
must stamp write /dev/mapper/s0-data --tag 2
smv deactivate -f s0/
dm_load store "0 131072 linear $disk 0"
smv activate data@a
eq "$(suspect data@a)" true
eq "$(suspect down@b)" false
! stamp check /dev/mapper/s0-data@a --tag 1 >out 2>&1 || fail 'nothing was overwritten'
smv activate down
smv deactivate s0

smv activate $store
smv snapshot data later
smv deactivate s0
smv activate $store
eq "$(suspect data@later)" false

# What cannot be marked comes up when asked for only, and is marked when it can be.
smv snapshot data last
dm_load store '0 131072 error'
wait_for 20 is_failed
smv deactivate -f s0/
dm_load store "0 131072 linear $disk 0"
run blockdev --setro $store
mustfail 'is read-only.*cannot be marked.*activate -f' snapmv activate $store
eq "$(active_stores)" '' 'active stores'
smv activate -f $store
smv activate data@last
eq "$(suspect data@last)" false
smv deactivate s0
run blockdev --setrw $store
smv snapshot -S $store down c
eq "$(suspect data@last)" true
