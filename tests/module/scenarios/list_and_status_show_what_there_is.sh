# list and status say of stores, origins and snapshots what there is: names, times,
# parents, states, exceptions, devices, memos, space, cleaning, a rollback; active
# and inactive alike, for people, as JSON, and in dm's status lines.
# timeout: 60

# One run of the tool, then as many questions to its JSON as wanted.
look()
{
	snapmv list -s --json >list.json
	snapmv status --json >status.json
}

volume()	# NAME FILTERS: the values, on one line
{
	jq -r ".stores[].volumes[] | select(.name == \"$1\") |
		[$2] | map(tostring) | join(\" \")" list.json
}

status()	# FILTERS
{
	jq -r ".stores[0] | [$1] | map(tostring) | join(\" \")" status.json
}

mkdisk origin 4M
mkdisk store 32M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
eq "$(json '.stores[] | .active' list)" false
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
	look
	eq "$(json '.stores[0].created' list "$store")" "$(jq -r '.stores[0].created' list.json)"
	eq "$(volume data '.kind, .bytes, .exceptions')" "origin $((4 << 20)) 10"
	eq "$(volume data@a '.kind, .memo, .taken_of, .own_bytes, .shared_bytes')" \
		'snapshot with a memo data 0 163840'
	eq "$(volume data@b '.taken_of, .exceptions, .own_bytes, .shared_bytes')" \
		'data@a 2 32768 163840'
	cond -n "$(volume data '.identity')"
	eq "$(status '.space.data_bytes, .chunk_bytes')" "$((12 * 16384)) 16384"
	eq "$(status '.origins, .snapshots, .exceptions')" '1 2 12'
	eq "$(status '.settings.policy, .settings.low_water_permille')" 'drop 100'
	eq "$(snapmv list -q | tr '\n' ' ')" 'data data@a data@b '
	snapmv list -t | tee tree
	grep -q '^s0/' tree
	grep -q '^data  *20..-..-.. ..:..:.. ' tree
	grep -q '^  data@a .* data .* with a memo$' tree
	grep -q '^    data@b .* data@a ' tree
	snapmv status
	if [ $state = active ]; then
		eq "$(volume data@b '.device, .active')" "$dev@b true"
		eq "$(volume data@a '.device, .active')" 'null false'
		eq "$(jq -r '.stores[0].active' list.json)" true
		smv deactivate s0
	fi
done
eq "$(volume data@b '.device')" null 'device of an inactive snapshot'

# Cleaning and a rollback show while they wait.
smv set s0/ throttle=pause low-water=25% policy=hold hold-timeout=7
smv activate "$store"
smv delete data@b
smv rollback data@a
look
eq "$(status '.settings.policy, .settings.low_water_permille')" 'hold 250'
eq "$(status '.settings.hold_timeout, .settings.paused, .ghosts')" '7 true 1'
cond "$(status '.cleaning')" -ge 1
eq "$(volume data '.rollback.chunks, .rollback.source')" '256 data@a'
eq "$(status '(.rollbacks | length), .rollbacks[0].origin')" '1 data'
snapmv list | grep '^data .*roll' || fail 'the list does not show the rollback'
smv set s0/ throttle=0
wait_for 30 is s0 rolling 0
settle s0
look
eq "$(volume data '.rollback')" null
eq "$(status '.cleaning, .ghosts')" '0 0'
# Objects that are not there.
mustfail 'no store has this volume' snapmv list nosuch
mustfail 'no store labelled nosuch' snapmv status nosuch/
mustfail 'is a store: write s0/' snapmv activate s0
