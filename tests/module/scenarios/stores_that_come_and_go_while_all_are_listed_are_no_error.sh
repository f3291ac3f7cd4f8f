# A store that is taken down or brought up, or whose disk goes, between the moment
# in which all stores are listed and its own query is no error of status and list: it is shown
# as it is then (or was), or not at all. By name it is an error. Nor is it one of deactivate -a,
# at whatever point of it another takes the store down; nor of activate -a, at whatever point
# another brings it up.
# timeout: 60

for i in 0 1; do
	mkdisk origin$i 2M
	mkdisk store$i 8M
done
obey store1 origin1
smv format -c 16K -l s0 "$store0"
smv format -c 16K -l s1 "$store1"
smv add "$store0" "$origin0" data
smv add "$store1" "$origin1" data
smv activate "$store0" "$store1"

# begin VAR[:N] CMD...: its next (or N-th) read of the disk is held.
begin()
{
	held=${1%:*}
	case $1 in
	*:*)	order "$held" hold read "${1#*:}" ;;
	*)	order "$held" hold read 1 ;;
	esac
	shift
	echo "+ $*"
	"$@" >out 2>err & asking=$!
	wait_for 20 holds "$held"
}

# ask CMD...: begins, and has listed the stores as they were; the look at the disk is held.
ask()
{
	begin store1 "$@"
}

answers()	# TEXT...: it succeeds, says nothing on stderr, and these
{
	calm "$held"
	wait $asking || fail "it fails: $(cat err)"
	eq "$(cat err)" '' 'what it says on stderr'
	for text; do
		grep -q "$text" out || fail "it does not say $text"
	done
}

active()	# LABEL: of the answer in JSON
{
	jq -r ".stores[] | select(.label == \"$1\") | .active" out
}

for command in status list; do
	say "$command, and a store that is taken down"
	ask snapmv $command --json
	smv deactivate s1/
	answers
	eq "$(active s0), $(active s1)" 'true, false' 'which are active'

	say "$command, and a store that is brought up"
	ask snapmv $command --json
	smv activate "$store1"
	answers
	eq "$(active s0)" true 'is s0 active'
	cond -n "$(active s1)"	# as it was: the disk is read
done

say 'by name'
ask snapmv status s1/
smv deactivate s1/
calm store1
! wait $asking || fail 'it succeeds'
eq "$(wc -l <err)" 1 'lines of the refusal'
smv activate "$store1"

none_is_up()
{
	eq "$(dmsetup ls --target snap-mv-store)" '' 'stores that are up'
}

say 'deactivate -a, and a store that is taken down before it is asked'
ask snapmv deactivate -a
smv deactivate s1/
answers
none_is_up

say 'a store that gets another label before it is asked is taken down'
smv activate "$store0" "$store1"
ask snapmv deactivate -a
smv set s1/ label=s2
answers
none_is_up
smv activate "$store1"
smv set s2/ label=s1

say 'a store that is taken down while its origin is looked at'
smv activate "$store0"
begin origin1 snapmv deactivate -a
smv deactivate s1/
answers
none_is_up
smv activate "$store0" "$store1"

smv snapshot -S "$store1" data a	# now the origin has a fingerprint, which is compared
for point in store1:1 store1:4 store1:6 origin1:4 origin1:6; do
	say "activate -a, and another activation of a store, at $point"
	smv deactivate -a
	begin $point snapmv activate -a
	snapmv activate "$store1" >other 2>&1 & other=$!
	sleep 0.3
	calm "$held"
	wait $other || fail "the other fails: $(cat other)"
	answers '^/dev/mapper/s0-data$' '^/dev/mapper/s1-data$'
	eq "$(dmsetup ls --target snap-mv-origin | wc -l)" 2 'origins that are up'
done
smv deactivate s1/
smv activate s1/

say 'an origin that is in use is an error as ever'
exec 3</dev/mapper/s1-data
mustfail 'is open' snapmv deactivate -a
eq "$(json '.stores[] | select(.active) | .label' status)" s1 'which is up'
exec 3<&-
smv activate "$store0"

say 'a store that is not there any more'
ask snapmv status
smv deactivate s1/
dd if=/dev/zero of="$store1" bs=64k count=1 oflag=direct status=none
answers '^s0/'
! grep -q '^s1/' out || fail 'it is listed'
forget_store "$store1"

say 'a store that is damaged is an error as ever'
smv format -f -c 16K -l s1 "$store1"
dd if=/dev/urandom of="$store1" bs=4k seek=3 count=200 oflag=direct status=none
mustfail 'the store is damaged' snapmv status
snapmv status 2>/dev/null | grep -q '^s0/' || fail 'it hides the other store'
forget_store "$store1"
