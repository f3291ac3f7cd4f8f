# Names of deleted snapshots may be used again, numbers never are, not even after
# a restart; a memo has up to 255 bytes of any kind; the creation time is kept.
# timeout: 40

mkdisk origin 2M
mkdisk store 16M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"

number()	# VOLUME
{
	json ".stores[].volumes[] | select(.name == \"$1\") | .number" list
}

memo()	# VOLUME
{
	json ".stores[].volumes[] | select(.name == \"$1\") | .memo" list
}

before=$(date +%s)
smv snapshot data a
last=$(number data@a)
cond "$last" -gt "$(number data)"
for round in 1 2 3 4; do
	smv delete data@a
	if [ $round = 2 ]; then
		smv deactivate s0
		smv activate "$store"
	fi
	if [ $round = 3 ]; then
		smv delete -S "$store" data@b
		smv deactivate s0
	fi
	smv snapshot -S "$store" data a
	[ $round != 1 ] || smv snapshot data b
	now=$(number data@a)
	cond "$now" -gt "$last"
	last=$now
done
smv activate "$store"
mustfail 'data@a: there is a snapshot of this name' snapmv snapshot data a
mustfail 'data@a: there is a snapshot of this name' snapmv snapshot data a data b
eq "$(snapmv list -q | tr '\n' ' ')" 'data data@a '

long=$(printf 'x%.0s' $(seq 250))
smv snapshot -m "${long}12345" data long
eq "$(memo data@long)" "${long}12345" 'memo of 255 bytes'
mustfail '255' snapmv snapshot -m "${long}123456" data longer
odd='100% of "it", über\alles & 日本'
smv snapshot -m "$odd" data odd
smv snapshot -m '' data none
eq "$(memo data@odd)" "$odd" memo
eq "$(json '.stores[].volumes[] | select(.name == "data@none") | .memo == ""' list)" true 'empty memo'
smv rename data@odd even
created=$(json '.stores[].volumes[] | select(.name == "data@even") | .created' list)
cond "$created" -ge "$before"
cond "$created" -le "$(date +%s)"
smv deactivate s0
eq "$(memo data@even)" "$odd" 'memo of an inactive store'
eq "$(memo data@long)" "${long}12345" 'memo of an inactive store'
eq "$(json '.stores[].volumes[] | select(.name == "data@even") | .created' list)" "$created"
