# Without CAP_SYS_ADMIN nothing is possible, even where device-mapper's nodes may be opened: an
# unprivileged user's commands, messages and tables are refused and change nothing.
# timeout: 60

mkdisk origin 16M
mkdisk store 32M
mkdisk fresh 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
smv activate data@a
chmod 666 /dev/mapper/* "$(readlink -f /dev/mapper/control)"
chmod 755 "$T"
before=$(dmsetup status s0 | cut -d ' ' -f 1-12; dmsetup message s0 0 list 0; dmsetup table)

user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
must user id
for command in 'list' 'status' 'snapshot data b' 'delete data@a' 'rollback data@a' \
	'rename data@a c' 'set s0 policy=hold' 'deactivate s0' 'deactivate data@a' 'activate data' \
	"activate $store" "add $store $fresh new" "format $fresh" "format -f $store" "erase -f $store" \
	"check $store" "dump $store" "repair -f $store" 'diff data@a' 'remove data' \
	'list --json' 'activate -a' 'deactivate -a'; do
	# shellcheck disable=SC2086
	user snapmv $command >out 2>err && status=0 || status=$?
	say "$command: exit $status: $(cat err)"
	eq "$status" 1 "exit of $command"
	grep -q 'run as root' err || fail "$command does not say that root is needed"
	! grep -q data@a out || fail "$command shows what there is"
done
# Nor is an active store taken for an inactive one by who may read its device.
chmod 644 "$store"
for command in list status 'list s0/' "list $store" "status $store" 'list data'; do
	# shellcheck disable=SC2086
	user snapmv $command >out 2>err && status=0 || status=$?
	eq "$status" 1 "exit of $command"
	grep -q 'run as root' err || fail "$command does not say that root is needed: $(cat err)"
	eq "$(cat out)" '' "output of $command"
done
for message in 'snapshot 0 0 data b m' 'delete data@a' 'list 0' 'sync'; do
	# shellcheck disable=SC2086
	! user dmsetup message s0 0 $message 2>/dev/null || fail "message $message"
done
! user dmsetup create no --table "0 $(sectors "$fresh") snap-mv-store $fresh" 2>/dev/null ||
	fail 'a table'
! user dmsetup suspend s0 2>/dev/null || fail 'suspend'
! user dmsetup remove s0-data@a 2>/dev/null || fail 'remove'
# nor by way of what the nodes' modes allow to be opened
! user dd if=/dev/zero of="$store" bs=4k count=4 2>/dev/null || fail 'wrote the store'
eq "$(dmsetup status s0 | cut -d ' ' -f 1-12; dmsetup message s0 0 list 0; dmsetup table)" \
	"$before" 'what there is'
