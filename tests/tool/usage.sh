# SPDX-License-Identifier: GPL-2.0-only
# Every command: help, version, wrong usage, and inputs that are no store.

. "$(dirname "$0")/lib"

COMMANDS='format erase add remove activate deactivate snapshot delete rollback
rename list status set check dump restore repair diff'

# The least arguments of each, with $1 in the place of the store or device.
args_of()
{
	case $1 in
	format|erase|check|dump|repair|list|status|activate|deactivate) echo "$2" ;;
	add) echo "$2 $T/device name" ;;
	remove) echo "-S $2 data" ;;
	snapshot) echo "-S $2 data new" ;;
	delete|rollback) echo "-S $2 data@snap" ;;
	rename) echo "-S $2 data other" ;;
	set) echo "$2 policy=hold" ;;
	restore) echo "$T/dump $2" ;;
	diff) echo "-S $2 data@snap" ;;
	esac
}

t_every_command_has_help()
{
	for c in $COMMANDS; do
		for h in -h --help; do
			must smv "$c" $h
			grep -q "^usage: snapmv $c" "$T/.out" || fail "$c $h"
			must smv "$c" --bad $h
		done
		eq "$(out smv help "$c" | head -n 1)" "$(out smv "$c" -h | head -n 1)"
	done
	must smv --help
	for c in $COMMANDS; do
		grep -q "^  $c " "$T/.out" || fail "$c is not in the help"
	done
	must smv -h
	must smv help
}

t_every_command_has_a_version()
{
	eq "$(out smv --version | cut -d ' ' -f 1)" snapmv
	must smv -V
	for c in $COMMANDS; do
		eq "$(out smv "$c" --version)" "$(out smv --version)"
	done
}

t_commands_that_are_not_listed_are_unknown()
{
	for c in grow diff restore repair; do
		! smv --help | grep -q "^  $c " || continue
		refused 2 'unknown command' smv $c x
	done
	smv rollback --help | grep -q -- --next ||
		refused 2 'unknown option' smv rollback --next data@a
}

t_wrong_usage_is_exit_status_2()
{
	refused 2 'missing command' smv
	refused 2 'unknown command' smv nosuch
	refused 2 'unknown option' smv --nosuch
	for c in $COMMANDS; do
		refused 2 'unknown option' smv "$c" --nosuch
		refused 2 'unknown option' smv "$c" -Z
		case $c in
		list|status) ;;
		*) refused 2 'missing|name' smv "$c" ;;
		esac
	done
	refused 2 'superfluous' smv format a b
	refused 2 'superfluous' smv add a b c d
	refused 2 'superfluous' smv check a b
	refused 2 'empty' smv format ''
	refused 2 'needs' smv format -c
	refused 2 'needs' smv snapshot a b -m
	refused 2 'needs' smv snapshot a b --memo
	refused 2 'takes no argument' smv format --force=yes x
	refused 2 'twice' smv format -c 4K -c 8K x
	refused 2 'beside' smv snapshot data a data
	refused 2 'exclude' smv rollback --no-undo --undo x data@a
	refused 2 '-a' smv activate -a "$T/x"
	refused 2 'volumes' smv activate -r ./x
	refused 2 'KEY=VALUE' smv set ./x policy
	refused 2 'unknown key' smv set ./x colour=red
	refused 2 'twice' smv set ./x policy=hold policy=drop
	refused 2 'alone' smv set data device=x policy=hold
}

t_options_may_stand_anywhere_and_end_with_two_dashes()
{
	mkdir dir
	truncate -s 16M store
	must smv format ./dir/../store -c4K
	must smv check -- ./store
	refused 1 'no such' smv check -- -q
	must smv format --chunk=64K ./store -f --label mine
	must smv list -st ./store
}

t_help_is_not_taken_for_another_options_argument()
{
	make_store
	must smv snapshot -S ./store -m -h data a
	must smv snapshot -S ./store data b --memo --help
	must smv list ./store
	grep -q '^data@a .* -h$' .out && grep -q '^data@b .* --help$' .out || fail "$(cat .out)"
	refused 1 '-h is no legal label' smv format -f -l -h ./store
	for h in -fh -hf '-l x -h' '--label --help --help' '--label=x --help'; do
		# shellcheck disable=SC2086
		out smv format $h ./store | grep -q '^usage: snapmv format' || fail "$h"
	done
	clean_check
}

each_input()	# STATUS PATTERN PATH
{
	[ -e "$T/dump" ] || {
		truncate -s 16M "$T/dumped"
		must smv format "$T/dumped"
		out smv dump "$T/dumped" >"$T/dump"
	}
	for c in $COMMANDS; do
		[ "$c" != format ] || continue
		refused "$1" "$2" smv "$c" $(args_of "$c" "$3")
		has_way_out
	done
}

t_activate_names_all_that_did_not_come_up()
{
	make_store
	refused 1 '^snapmv: activate ./nosuch: no such' smv activate ./nosuch
	refused 1 '^snapmv: activate ./nosuch: no such.*; ./store: is a file.*; ./other: no such' \
		smv activate ./nosuch ./store ./other ./nosuch
	eq "$(grep -o ./nosuch: .err | wc -l)" 1 'how often it is named'
}

t_what_another_process_has_locked_is_refused_soon_and_said_to_be()
{
	make_store
	mkfifo locked
	flock -F -x ./store sh -c 'echo >locked; exec sleep 120' &
	read -r _ <locked
	begin=$(date +%s)
	refused 1 './store: in use, locked by another process: ' timeout 60 "$SNAPMV" activate ./store
	took=$(($(date +%s) - begin))
	refused 1 './store: in use, locked by another process: ' smv list ./store
	kill $!
	[ $took -le 20 ] || fail "took $took s"
}

t_missing_files_are_refused_by_every_command()
{
	truncate -s 1M device
	each_input 1 'no such' "$T/nosuch"
	refused 1 'no such' smv format "$T/nosuch"
	each_input 1 'no such' "$T/device/below"
}

t_directories_are_refused_by_every_command()
{
	truncate -s 1M device
	mkdir dir
	each_input 1 'directory' "$T/dir"
	refused 1 'directory' smv format "$T/dir"
}

t_empty_and_tiny_files_are_refused_by_every_command()
{
	truncate -s 1M device
	: >empty
	each_input 1 'no store' "$T/empty"
	for size in 1 511 4095 4096 8191 12288; do
		head -c $size /dev/zero >tiny
		each_input 1 'no store' "$T/tiny"
		refused 1 'small' smv format "$T/tiny"
		eq "$(stat -c %s tiny)" $size
	done
	head -c 100000 /dev/urandom >noise
	each_input 1 'no store' "$T/noise"
}

t_other_kinds_of_files_are_refused()
{
	truncate -s 1M device
	mkfifo fifo
	each_input 1 'neither a block device' "$T/fifo"
	refused 1 'neither a block device' smv format "$T/fifo"
	refused 1 'neither a block device' smv format /dev/null
	refused 1 'neither a block device' smv check /dev/zero
}

as_nobody()	# COMMAND...: without the right to anything
{
	setpriv --reuid 65534 --clear-groups "$@"
}

# What reads only goes on with a store that may be read only; the rest is refused.
t_unreadable_and_read_only_files_are_refused()
{
	[ "$(id -u)" = 0 ] || skip 'not root'
	make_store
	truncate -s 1M device
	out smv dump ./store >dump
	cp store was
	chmod 755 "$BASE" "$T"
	chmod 666 device
	for c in $COMMANDS; do
		chmod 000 store
		refused 1 'permission|CAP_SYS_ADMIN' as_nobody "$SNAPMV" $c $(args_of $c "$T/store")
		has_way_out
		chmod 444 store
		case $c in
		list|status|check|dump|diff) continue ;;
		activate) why='is a file' ;;
		deactivate) why='is not active' ;;
		repair) why='nothing was written' ;;
		*) why='permission|read-only' ;;
		esac
		refused 1 "$why" as_nobody "$SNAPMV" $c $(args_of $c "$T/store")
		has_way_out
	done
	refused 1 'permission|read-only' as_nobody "$SNAPMV" repair -f "$T/store"
	for c in list status check dump; do
		must as_nobody "$SNAPMV" $c "$T/store"
	done
	cmp store was
}

# More than a pipe holds, or it would be written before its reader is gone.
t_a_closed_pipe_and_a_full_disk_are_not_passed_over()
{
	make_store
	for i in $(seq 400); do
		echo "smv snapshot -S ./store data s$i -m $(printf '%0200d' 0)"
	done >many
	. ./many
	for c in 'list ./store' 'list --json ./store' 'dump ./store' 'dump --json ./store'; do
		(st=0; smv $c || st=$?; echo $st >"$T/status") 2>"$T/err" | head -n 1 >first
		[ -s first ] && [ ! -s err ] || fail "$c: on stderr: $(cat err)"
		[ "$(cat status)" != 0 ] || fail "$c: a closed pipe passes for written"
		status=0
		smv $c >/dev/full 2>err || status=$?
		eq $status 1 status
		eq "$(wc -l <err)" 1
		grep -q 'standard output' err || fail "$(cat err)"
	done
	must smv check ./store
}

# Where O_DIRECT does not keep text from being written, if possible: a file in memory.
t_nothing_is_said_to_a_device_when_standard_descriptors_are_closed()
{
	memory=$(mktemp /dev/shm/snapmv-test.XXXXXX 2>/dev/null) || memory=$T/device
	trap 'rm -f "$memory"' EXIT
	truncate -s 16M "$memory"
	mkfs.ext4 -q "$memory"
	cp "$memory" was
	for closed in '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		status=0
		eval 'smv format "$memory"' "$closed" || status=$?
		eq $status 1 "status with $closed"
		cmp "$memory" was || fail "written to with $closed"
	done
	! smv help >&- 2>/dev/null || fail 'a closed standard output passes for written'
}

t_control_characters_never_reach_the_terminal()
{
	make_store
	refused 1 'name' smv snapshot -S ./store data "$(printf 'a\033[2J')"
	refused 1 'no such' smv check "./$(printf 'a\033]0;x\007\nb')"
	refused 1 'memo' smv snapshot -S ./store -m "$(printf 'a\001b')" data x
	refused 1 'memo' smv snapshot -S ./store -m "$(printf 'a\233b')" data x
	must smv snapshot -S ./store -m 'tab-free ünïcode ☃ memo' data x
	out smv list ./store | grep -q 'ünïcode ☃'
	# a store made by somebody else may hold anything
	$PLANT store memo 2 'bad\x1b[31m\x07\xff\x9b'
	must smv check ./store
	must smv list ./store
	! grep -q '[[:cntrl:]]' .out || fail 'control characters in list'
	grep -q 'bad\\x1b' .out || fail "$(cat .out)"
	out smv list --json ./store >j
	json j 'j["stores"][0]["volumes"][1]["memo"]' >/dev/null
	out smv dump --json ./store >j
	json j 'j["volumes"][1]["memo"]' >/dev/null
	must smv dump ./store
	! grep -q '[[:cntrl:]]' .out || fail 'control characters in dump'
}

run_tests "$@"
