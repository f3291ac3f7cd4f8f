# list and status say of stores, origins and snapshots what there is: names, times,
# parents, states, exceptions, devices, memos, space, cleaning, a rollback; active
# and inactive alike, for people, as JSON, and in dm's status lines.
# timeout: 60

volume()	# NAME FILTER
{
	json ".stores[].volumes[] | select(.name == \"$1\") | $2" list -s
}

status()	# FILTER
{
	json ".stores[0] | $1" status
}

mkdisk origin 4M
mkdisk store 32M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
eq "$(json '.stores | length' list)" 1 stores
eq "$(json '.stores[0].active' list)" false
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot -m 'with a memo' data a
smv snapshot data@a b
smv activate data@b
dev=/dev/mapper/s0-data
stamp write $dev --tag 2 --count 320
stamp write $dev@b --tag 3 --count 64 --from 640 --io 16K
must sync

for state in active inactive; do
	eq "$(volume data .kind)/$(volume data@a .kind)" origin/snapshot
	eq "$(volume data@a .memo)" 'with a memo'
	eq "$(volume data@b .taken_of)" data@a
	eq "$(volume data@a .taken_of)" data
	eq "$(volume data .bytes)" $((4 << 20))
	eq "$(volume data .exceptions)" 10 'exceptions of the origin'
	eq "$(volume data@b .exceptions)" 2 'exceptions of the snapshot'
	eq "$(volume data@b .own_bytes)" 32768 'its own space'
	eq "$(volume data@b .shared_bytes)" 163840 'space shared with the other'
	eq "$(volume data@a .own_bytes)" 0
	eq "$(volume data .identity | cut -d : -f 1 | wc -w)" 1 'kind of identity'
	eq "$(status .space.data_bytes)" $((12 * 16384))
	eq "$(status .origins)/$(status .snapshots)/$(status .exceptions)" 1/2/12
	eq "$(status .settings.policy)/$(status .settings.low_water_permille)" drop/100
	eq "$(status .chunk_bytes)" 16384
	eq "$(snapmv list -q | tr '\n' ' ')" 'data data@a data@b '
	snapmv list -t | tee tree
	grep -q '^s0/' tree
	grep -q '^data  *20..-..-.. ..:..:.. ' tree
	grep -q '^  data@a .* data .* with a memo$' tree
	grep -q '^    data@b .* data@a ' tree
	snapmv status
	if [ $state = active ]; then
		eq "$(volume data@b .device)" $dev@b device
		eq "$(volume data@a .device)" null device
		eq "$(volume data@a .active)/$(volume data@b .active)" false/true
		eq "$(json '.stores[0].active' list)" true
		smv deactivate s0
	fi
done
eq "$(volume data@b .device)" null 'device of an inactive snapshot'

# Cleaning and a rollback show while they wait.
smv set s0/ throttle=pause low-water=25% policy=hold hold-timeout=7
smv activate "$store"
eq "$(status .settings.policy)/$(status .settings.low_water_permille)" hold/250
eq "$(status .settings.hold_timeout)/$(status .settings.paused)" 7/true
smv delete data@b
eq "$(status .ghosts)" 1 ghosts
cond "$(status .cleaning)" -ge 1
smv rollback data@a
eq "$(volume data .rollback.chunks)" 256 'chunks of the rollback'
eq "$(volume data .rollback.source)" data@a
eq "$(status '.rollbacks | length')/$(status '.rollbacks[0].origin')" 1/data
snapmv list | grep '^data .*roll' || fail 'the list does not show the rollback'
smv set s0/ throttle=0
wait_for 30 is s0 rolling 0
settle s0
eq "$(volume data .rollback)" null
eq "$(status .cleaning)/$(status .ghosts)" 0/0
# Options, arguments and objects that are not there.
mustfail 'nosuch' snapmv list nosuch
mustfail 'nosuch' snapmv status nosuch/
