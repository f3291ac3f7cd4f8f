# SPDX-License-Identifier: GPL-2.0
# For the authors of scenarios; README.md beside this file tells how to use it.
# The shell is dash, with `set -eu'. A scenario that ends without failing is
# taken down here: every store deactivated, checked, and nothing left.

: "${SMV_SCALE:=100}" "${SMV_SEED:=1}" "${SMV_ONLY:=}"
SMV_LAST='(start)'
SMV_STORES=		# devices formatted as stores, to be checked at the end
SMV_DM=			# device-mapper devices made by dm_make, newest first
SMV_DM_DISKS=		# and by mkdisk: they stay until the end
SMV_DISKS=0
SMV_CUT=		# this phase ends in a power cut
SMV_RND=$SMV_SEED

# ---- saying and failing ----

say()
{
	echo "# $*"
}

fail()	# TEXT...: the scenario has failed
{
	SMV_LAST="$*"
	exit 1
}

run()	# CMD...: prints the command and runs it
{
	echo "+ $*"
	SMV_LAST="$*"
	"$@"
}

must()	# CMD...: it has to succeed (also where set -e does not reach)
{
	run "$@" || fail "exit $? from: $*"
}

# mustfail PATTERN CMD...: it has to fail with exit status 1, one line on stderr,
# and that line matching the extended regular expression. snapmv's names the command and its
# object: what matches these says nothing.
mustfail()
{
	mf_pattern=$1
	shift
	[ "$1" != snapmv ] || ! echo "$*" | grep -Eq -e "$mf_pattern" ||
		fail "what is only in the command: '$mf_pattern'"
	echo "+ $* (to be refused)"
	SMV_LAST="$*"
	mf_status=0
	"$@" >"$T/.out" 2>"$T/.err" || mf_status=$?
	cat "$T/.out" "$T/.err"
	[ $mf_status -ne 0 ] || fail "not refused: $*"
	[ $mf_status -eq 1 ] || fail "exit $mf_status, not 1, from: $*"
	[ "$(wc -l <"$T/.err")" -eq 1 ] ||
		fail "not one line on stderr from: $*"
	grep -Eq -e "$mf_pattern" "$T/.err" ||
		fail "does not say '$mf_pattern': $*"
}

eq()	# GOT WANTED [WHAT]
{
	[ "$1" = "$2" ] || fail "${3:-value} is '$1', should be '$2'"
}

# cond EXPR...: an arithmetic or test(1) condition, e.g. `cond $a -le $b'
cond()
{
	test "$@" || fail "does not hold: $*"
}

# wait_for SECONDS CMD...: polls until CMD succeeds; fails after SECONDS.
wait_for()
{
	wf_left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $wf_left -gt 0 ] || fail "waited in vain for: $*"
		wf_left=$((wf_left - 1))
		sleep 0.1
	done
}

has_ended()	# PID
{
	! kill -0 "$1" 2>/dev/null
}

# ---- numbers ----

now_ms()	# prints milliseconds
{
	awk '{print int($1 * 1000)}' /proc/uptime
}

scaled()	# N [MIN]: N at full scale, about a tenth on the second kernel
{
	sc_n=$(($1 * SMV_SCALE / 100))
	[ $sc_n -ge "${2:-1}" ] || sc_n=${2:-1}
	echo $sc_n
}

# rnd VAR MAX: VAR = 0..MAX-1. The sequence depends on SMV_SEED alone.
rnd()
{
	SMV_RND=$(((SMV_RND * 1103515245 + 12345) & 0x7fffffff))
	eval "$1=\$((SMV_RND / 64 % $2))"
}

bytes()	# SIZE: 64K, 1M, 2G -> bytes
{
	case $1 in
	*K)	echo $((${1%K} << 10)) ;;
	*M)	echo $((${1%M} << 20)) ;;
	*G)	echo $((${1%G} << 30)) ;;
	*s)	echo $((${1%s} << 9)) ;;
	*)	echo "$1" ;;
	esac
}

sectors()	# DEV: its size in 512-byte sectors
{
	blockdev --getsz "$1"
}

# ---- disks ----

# mkdisk VAR SIZE [OPTION...]: a disk in memory; VAR becomes its path.
#
#   SIZE	whole MiB (64M, 1G), else a dm-linear of that size over one (700K, 1001s)
#   bs=4096	logical block size
#   cache=MIB	a volatile cache, so that FLUSH and FUA reach the disk
#   latency=US	each request takes so long
#   mbps=N	bandwidth limit
#   discard=0	no discard
mkdisk()
{
	md_var=$1 md_size=$(bytes "$2")
	shift 2
	SMV_DISKS=$((SMV_DISKS + 1))
	md_name=$md_var
	[ ! -e "/dev/$md_name" ] || md_name=$md_var$SMV_DISKS
	md_dir=/sys/kernel/config/nullb/$md_name
	mkdir "$md_dir"
	echo 1 >"$md_dir/memory_backed"
	echo 2 >"$md_dir/submit_queues"
	md_discard=1
	echo $(((md_size + 1048575) >> 20)) >"$md_dir/size"
	for md_opt; do
		case $md_opt in
		bs=*)		echo "${md_opt#*=}" >"$md_dir/blocksize" ;;
		cache=*)	echo "${md_opt#*=}" >"$md_dir/cache_size" ;;
		latency=*)	echo 2 >"$md_dir/irqmode"
				echo "${md_opt#*=}000" >"$md_dir/completion_nsec" ;;
		mbps=*)		echo "${md_opt#*=}" >"$md_dir/mbps" ;;
		discard=*)	md_discard=${md_opt#*=} ;;
		*)		fail "mkdisk: unknown option $md_opt" ;;
		esac
	done
	echo $md_discard >"$md_dir/discard"
	echo 1 >"$md_dir/power" || fail "mkdisk $md_var: no disk"
	md_dev=/dev/$md_name
	[ -b "$md_dev" ] || fail "mkdisk $md_var: no device appeared"
	if [ $((md_size & 1048575)) -ne 0 ]; then
		run dmsetup create "$md_var.disk" --table \
			"0 $((md_size >> 9)) linear $md_dev 0"
		SMV_DM_DISKS="$md_var.disk $SMV_DM_DISKS"
		md_dev=/dev/mapper/$md_var.disk
	fi
	echo "# disk $md_var: $md_dev, $md_size bytes $*"
	eval "$md_var=\$md_dev"
}

rmdisk()	# DEV: a disk of mkdisk goes away for good
{
	case $1 in
	/dev/mapper/*)
		run dmsetup remove "${1#/dev/mapper/}" ;;
	*)	rmdir "/sys/kernel/config/nullb/${1#/dev/}" ;;
	esac
}

# The kernel's name of a device, as in /sys/block: nullb0, dm-3.
kname()
{
	kn=$(readlink -f "$1")
	case $kn in
	/dev/mapper/*)
		basename "$(readlink "/sys/dev/block/$(dmsetup info -c \
			--noheadings --separator : -o major,minor \
			"${1#/dev/mapper/}" | tr -d ' ')")" ;;
	*)	echo "${kn#/dev/}" ;;
	esac
}

# ios DEV: sets IO_R IO_W IO_D IO_F (requests) and IO_RS IO_WS (sectors), the
# disk's counts since it was made.
ios()
{
	# shellcheck disable=SC2046
	set -- $(cat "/sys/block/$(kname "$1")/stat")
	IO_R=$1 IO_RS=$3 IO_W=$5 IO_WS=$7 IO_D=${12} IO_F=${16}
}

# count_ios DEV CMD...: the same names, but for what CMD made DEV do.
count_ios()
{
	ci_dev=$1
	shift
	ios "$ci_dev"
	ci_r=$IO_R ci_rs=$IO_RS ci_w=$IO_W ci_ws=$IO_WS ci_d=$IO_D ci_f=$IO_F
	must "$@"
	ios "$ci_dev"
	IO_R=$((IO_R - ci_r)) IO_RS=$((IO_RS - ci_rs))
	IO_W=$((IO_W - ci_w)) IO_WS=$((IO_WS - ci_ws))
	IO_D=$((IO_D - ci_d)) IO_F=$((IO_F - ci_f))
}

# ---- power cuts ----

# The disks of the header become variables: their paths.
find_disks()
{
	modprobe virtio_scsi
	modprobe sd_mod
	for fd_want in $(sed -n 's/^# *disks: *//p' \
			"/smv/scenarios/$SMV_NAME.sh"); do
		fd_name=${fd_want%%=*}
		wait_for 20 find_disk "$fd_name"
		eval "$fd_name=\$(find_disk \$fd_name)"
	done
}

find_disk()	# SERIAL
{
	for fd_sys in /sys/block/sd*; do
		[ "$(tail -c +5 "$fd_sys/device/vpd_pg80" 2>/dev/null |
			tr -d '\0 ')" = "$1" ] || continue
		[ -b "/dev/${fd_sys##*/}" ] || return 1
		echo "/dev/${fd_sys##*/}"
		return 0
	done
	return 1
}

# cut_soon MIN MAX: from now on the power may go; it does at a random moment
# between so many milliseconds. The phase goes on; should it end first, it waits
# for the cut.
cut_soon()
{
	SMV_CUT=yes
	echo "CUT $1 $2"
}

# What goes into the log of a replayed scenario (`# host: replay').
note()	# TEXT: a mark
{
	logmark "$marks" "$*" || fail "no mark: $*"
}

# take VOLUME NEW [VOLUME NEW]...: a snapshot, promised in the log.
take()
{
	tk_names=
	tk_args="$*"
	while [ $# -gt 0 ]; do
		tk_names="$tk_names ${1%%@*}@$2"
		shift 2
	done
	note "snapshot+$tk_names"
	# shellcheck disable=SC2086
	must snapmv snapshot $tk_args
	note "snapshot-$tk_names"
}

# drop VOLUME@SNAPSHOT...: a delete, promised in the log.
drop()
{
	note "delete+ $*"
	must snapmv delete "$@"
	note "delete- $*"
}

# load_point N: the disks are what the N-th point left.
load_point()
{
	note "LOAD $1"
	cp "/smv/points/$1/said" said
}

# each_point CMD...: for each point, with s0 active and its snapshots as expected; CMD gets its number.
each_point()
{
	for ep_point in /smv/points/*; do
		ep_point=${ep_point##*/}
		load_point "$ep_point"
		remember_store "$store"
		smv activate "$store"
		snapshots_as_expected "$ep_point"
		"$@" "$ep_point"
		settle s0
		take_down
	done
}

# snapshots_as_expected N: those that point N promises are there, and hold what they should.
snapshots_as_expected()
{
	snapmv list -q >names
	while read -r se_must se_name se_sum; do
		if ! grep -qx "$se_name" names; then
			[ "$se_must" = may ] || fail "$se_name is lost"
			continue
		fi
		[ "$se_sum" != - ] || continue
		quiet snapmv activate "$se_name"
		eq "$(sumdev "/dev/mapper/s0-$se_name")" "$se_sum" "sum of $se_name"
		quiet snapmv deactivate "$se_name"
	done <"/smv/points/$1/expect"
}

# last_file UNTIL: of the marks `FILE NAME SUM' in said, the last one before the mark UNTIL (of
# all, if that is empty): LF_NAME, LF_SUM. false: there is none, or no mark UNTIL.
last_file()
{
	[ -z "$1" ] || grep -qx "$1" said || return 1
	LF_NAME=$(awk -v until="$1" '$0 == until && until != "" { exit }
		$1 == "FILE" { name = $2 } END { print name }' said)
	LF_SUM=$(awk -v until="$1" '$0 == until && until != "" { exit }
		$1 == "FILE" { sum = $3 } END { print sum }' said)
	[ -n "$LF_SUM" ]
}

# said: what all phases before this one printed, as far as it got out.
said()
{
	cat /smv/said
}

# ---- failing on purpose; only on the sanitizer kernel ----

# fault_arm KIND N [TIMES]: from now on the N-th fails, and each N-th after it, TIMES (1; -1: for
# ever) in all: of the allocations that the module makes, on whosoever's behalf (failslab,
# fail_page_alloc), or of the requests to the disks of fault_disk (fail_make_request). Only one is
# armed at a time.
fault_arm()
{
	FAULT=/sys/kernel/debug/$1
	[ "$1" = fail_make_request ] || fault_only_the_module
	echo 0 >$FAULT/verbose
	FAULT_TIMES=${3:-1}
	echo "$FAULT_TIMES" >$FAULT/times
	echo 0 >$FAULT/count
	echo "$2" >$FAULT/interval
	echo 100 >$FAULT/probability
}

fault_only_the_module()
{
	# Name, bytes, ..., address.
	# shellcheck disable=SC2046
	set -- $(grep '^dm_snap_mv ' /proc/modules)
	fo_start=$(printf %d "$6")
	echo "$fo_start" >$FAULT/require-start
	echo $((fo_start + $2)) >$FAULT/require-end
	echo 32 >$FAULT/stacktrace-depth
	echo 0 >$FAULT/ignore-gfp-wait
	[ ! -e $FAULT/min-order ] || echo 0 >$FAULT/min-order
	[ ! -e $FAULT/ignore-gfp-highmem ] || echo 0 >$FAULT/ignore-gfp-highmem
}

# fault_disarm: FAULT_HIT says whether it has happened (yes, no).
fault_disarm()
{
	echo 0 >$FAULT/probability
	FAULT_HIT=no
	[ "$(cat $FAULT/times)" -eq "$FAULT_TIMES" ] || FAULT_HIT=yes
}

fault_disk()	# DEV on|off: requests to this disk may fail
{
	fd_on=1
	[ "$2" = on ] || fd_on=0
	echo $fd_on >"/sys/block/$(kname "$1")/make-it-fail"
}

# ---- disks that obey ----

# obey VAR...: what is above the disks $VAR from now on does as it is ordered (hold/dm-smv-hold.c).
obey()
{
	[ -d /sys/module/dm_smv_hold ] || insmod /smv/dm-smv-hold.ko
	for ob_var; do
		eval "ob_dev=\$$ob_var"
		dm_make "$ob_var.obeys" "0 $(sectors "$ob_dev") smv-hold $ob_dev"
		eval "$ob_var=/dev/mapper/$ob_var.obeys"
	done
}

order()	# VAR hold|fail read|write|flush|discard N [COUNT]
{
	or_var=$1
	shift
	must dmsetup message "$or_var.obeys" 0 "$@"
}

# calm VAR...: nothing stands any more, and what is held goes on.
calm()
{
	for ca_var; do
		must dmsetup message "$ca_var.obeys" 0 calm
	done
}

holds()	# VAR: a request is held there; for wait_for
{
	[ "$(dmsetup status "$1.obeys" | cut -d ' ' -f 4)" -gt 0 ]
}

requests()	# VAR: prints how many reads, writes, flushes and discards there have been
{
	dmsetup status "$1.obeys" | cut -d ' ' -f 5-8
}

calm_all()
{
	for ca_name in $(dmsetup ls --target smv-hold 2>/dev/null | awk '/\.obeys/ {print $1}'); do
		dmsetup message "$ca_name" 0 calm
	done
}

# hammering STATE [N]: each thread of that hammer has N writes (1) behind it.
hammering()
{
	[ -s "$1" ] && hammer mark "$1" now |
		awk -v n="${2:-1}" '$4 < n {few = 1} END {exit few || !NR}'
}

# ---- device mapper ----

dm_make()	# NAME TABLE: a device of ours, removed at the end
{
	run dmsetup create "$1" --table "$2"
	SMV_DM="$1 $SMV_DM"
}

dm_remove()	# NAME
{
	run dmsetup remove "$1"
	SMV_DM=$(echo " $SMV_DM " | sed "s| $1 | |")
}

dm_load()	# NAME TABLE: a new table, with suspend and resume
{
	run dmsetup load "$1" --table "$2"
	run dmsetup suspend "$1"
	run dmsetup resume "$1"
}

# ---- the tool ----

# smv ARGS: snapmv, printed; remembers which devices were made stores.
smv()
{
	run snapmv "$@" || return $?
	case $1 in
	format)	for sv_dev; do :; done
		case " $SMV_STORES " in
		*" $sv_dev "*)	;;
		*)		SMV_STORES="$SMV_STORES $sv_dev" ;;
		esac ;;
	esac
}

# quiet CMD...: nothing printed unless it fails.
quiet()
{
	SMV_LAST="$*"
	"$@" >"$T/.quiet" 2>&1 || {
		qt_status=$?
		cat "$T/.quiet"
		echo "exit $qt_status from: $*"
		return $qt_status
	}
}

forget_store()	# DEV: no check of this one (erased, or damaged on purpose)
{
	SMV_STORES=$(echo " $SMV_STORES " | sed "s| $1 | |")
}

remember_store()	# DEV: a store that this phase did not format
{
	SMV_STORES="$SMV_STORES $1"
}

# json FILTER ARGS...: snapmv ARGS --json, through jq -r
json()
{
	js_filter=$1
	shift
	snapmv "$@" --json >"$T/.json" || fail "snapmv $* --json failed"
	jq -r "$js_filter" "$T/.json" || fail "snapmv $* --json: no $js_filter"
}

suspect()	# VOLUME of the first store listed: true or false
{
	json ".stores[0].volumes[] | select(.name == \"$1\") | .suspect" list
}

active_stores()
{
	dmsetup ls --target snap-mv-store 2>/dev/null |
		awk 'NF > 1 && !/^No devices/ {print $1}'
}

# The device that an active store lies on, by a name that can be opened.
store_device()
{
	sd_dev=$(dmsetup table "$1" | awk '{print $4}')
	case $sd_dev in
	/*)	echo "$sd_dev" ;;
	*)	sd_sys=/sys/dev/block/$sd_dev
		if [ -e "$sd_sys/dm/name" ]; then
			echo "/dev/mapper/$(cat "$sd_sys/dm/name")"
		else
			echo "/dev/$(basename "$(readlink "$sd_sys")")"
		fi ;;
	esac
}

check_store()	# DEV: snapmv check finds nothing
{
	run snapmv check "$1" || fail "snapmv check complains about $1"
}

# Each active store, those on other stores first: deactivate, check.
take_down_stores()
{
	td_force=$1
	while :; do
		td_stores=$(active_stores)
		[ -n "$td_stores" ] || return 0
		td_done=
		for td_store in $td_stores; do
			td_dev=$(store_device "$td_store")
			# shellcheck disable=SC2086
			timeout 60 snapmv deactivate $td_force "$td_store" \
				>"$T/.down" 2>&1 || continue
			td_done=yes
			echo "+ snapmv deactivate $td_store"
			[ -n "$td_force" ] || check_if_store "$td_dev"
		done
		if [ -z "$td_done" ]; then
			cat "$T/.down"
			fail "cannot deactivate $td_store"
		fi
	done
}

check_if_store()	# DEV: check it if it is one we know
{
	case " $SMV_STORES " in
	*" $1 "*)
		check_store "$1"
		forget_store "$1" ;;
	esac
}

unmount_all()
{
	for um_dir in $(awk '$2 ~ "^/(mnt|tmp/work/)" {print $2}' /proc/mounts |
			sort -r); do
		run umount "$um_dir"
	done
}

remove_dm()	# NAME...
{
	for rm_name; do
		dmsetup remove "$rm_name" >/dev/null 2>&1 || :
	done
}

# take_down: everything unmounted, deactivated, checked; only disks stay. May be called in
# mid-scenario; what was formatted is remembered until it has been checked, so
# after a new activation call remember_store if it is to be checked again.
take_down()
{
	unmount_all
	# What is above; what is a store is checked first.
	for tk_name in $SMV_DM; do
		case " $SMV_STORES " in
		*" /dev/mapper/$tk_name "*)	;;
		*)				remove_dm "$tk_name" ;;
		esac
	done
	take_down_stores ''
	for tk_dev in $SMV_STORES; do
		[ -e "$tk_dev" ] || fail "a store is gone unchecked: $tk_dev"
		check_if_store "$tk_dev"
	done
	# shellcheck disable=SC2086
	remove_dm $SMV_DM
}

lib_exit()	# STATUS
{
	trap - EXIT
	if [ "$1" -eq 0 ]; then
		# What is to be cut is left as it is, and is not over before.
		[ -z "$SMV_CUT" ] || sleep 600
		# Its own shell: a failure of fail() is to be seen here.
		# shellcheck disable=SC2086
		(take_down; remove_dm $SMV_DM_DISKS; echo "# taken down") && exit 0
		echo "FAIL: the teardown"
		exit 1
	fi
	echo "FAIL: $SMV_LAST"
	set +e
	exec 2>&1
	calm_all
	timeout 5 dmsetup status | head -n 40
	# shellcheck disable=SC2086
	(unmount_all; remove_dm $SMV_DM; take_down_stores -f
	 remove_dm $SMV_DM $SMV_DM_DISKS) >/dev/null 2>&1
	exit 1
}

# ---- what the kernel says of a store ----

# field DM-NAME FIELD: of the status line, by the name that docs/operating.md
# gives it: `field s0 data', `field s0-data@a exceptions'.
field()
{
	dmsetup status "$1" | awk -v want="$2" '
	BEGIN {
		names["snap-mv-store"] = "state label uuid chunk_sectors chunks data" \
			" meta free reserved available held exceptions origins" \
			" snapshots ghosts cleaning rolling policy hold_timeout" \
			" low_water throttle low full waiting generation" \
			" journal_blocks journal_used commits commit_blocks" \
			" record_bytes checkpoints checkpoint_blocks cache_hits" \
			" cache_misses copies moves snapshot_copies gated passed" \
			" dropped lost events reason"
		names["snap-mv-origin"] = "state number sectors chunks exceptions" \
			" rolling done place moved lost gated"
		names["snap-mv"] = "state number sectors exceptions taken_of parent epoch"
	}
	{
		n = split(names[$3], name, " ")
		for (i = 1; i <= n; i++)
			if (name[i] == want)
				found = $(i + 3)
	}
	END {
		print found
		exit found == ""
	}'
}

# is DM-NAME FIELD VALUE: for wait_for
is()
{
	[ "$(field "$1" "$2")" = "$3" ]
}

# rests LABEL, for wait_for: it makes no commit any more. (A store that comes to rest makes a
# last one, if copies went with their commits: engine/unproven.c.)
rests()
{
	re_commits=$(field "$1" commits)
	for re_look in 1 2; do	# a guest that stood still for a moment does so once
		sleep 0.4
		[ "$(field "$1" commits)" -eq "$re_commits" ] || return 1
	done
}

# checkpointed LABEL: what is available is so; no checkpoint takes any of it before the next write.
checkpointed()
{
	wait_for 20 checkpoint_empties "$1"
}

# Once more if a commit came behind it (that copies are proven).
checkpoint_empties()
{
	dmsetup message "$1" 0 checkpoint && is "$1" journal_used 0
}

# Writes chunks of 16 KiB from the start of DEVICE on until the store has no space for data; $filled of them.
fill_store()	# LABEL DEVICE TAG
{
	filled=0
	checkpointed "$1"
	fs_left=$(field "$1" available)
	while [ "$fs_left" -gt 0 ]; do
		fs_n=$((fs_left > 40 ? fs_left - 40 : (fs_left + 3) / 4))
		stamp write "$2" --tag "$3" --from $((filled * 32)) --count $((fs_n * 32))
		filled=$((filled + fs_n))
		checkpointed "$1"
		fs_left=$(field "$1" available)
	done
}

settle()	# LABEL [SECONDS]: waits until the cleaner has nothing to do
{
	wait_for "${2:-60}" is "$1" cleaning 0
}

# snapshot_is LABEL VOLUME MAP: a snapshot, active or not, holds exactly what
# the map of stamp says; it is left as it was found.
snapshot_is()
{
	si_was=$(dmsetup info -c --noheadings -o name "$1-$2" 2>/dev/null) || si_was=
	quiet snapmv activate "$1/$2"
	must stamp check "/dev/mapper/$1-$2" --map "$3"
	[ -n "$si_was" ] || quiet snapmv deactivate "$1/$2"
}

# ---- filesystems ----

filesystems()	# those to be tried: the sanitizer kernel has no XFS
{
	case $(uname -r) in
	*-uml|*-kcsan)
		echo ext4 ;;
	*)	echo ext4 xfs ;;
	esac
}

# mnt DEV DIR [OPTIONS]: mounts at /mnt/DIR
mnt()
{
	mkdir -p "/mnt/$2"
	mn_type=$(blkid -o value -s TYPE "$1") || mn_type=auto
	mn_opts=${3:-rw}
	[ "$mn_type" != xfs ] || mn_opts=$mn_opts,nouuid
	run mount -t "$mn_type" -o "$mn_opts" "$1" "/mnt/$2"
}

unmnt()	# DIR
{
	run umount "/mnt/$1"
}

mkfs()	# ext4|xfs DEV
{
	case $1 in
	ext4)	quiet mkfs.ext4 -q -F -E nodiscard "$2" ;;
	xfs)	quiet mkfs.xfs -q -f -K "$2" ;;
	esac
	say "mkfs $1 $2"
}

fsck()	# DEV: the filesystem's own check finds nothing; changes nothing, nor replays a journal
{
	case $(blkid -o value -s TYPE "$1") in
	ext4)	quiet e2fsck -fn "$1" ;;
	xfs)	quiet xfs_repair -n "$1" ;;
	*)	fail "fsck: no filesystem known on $1" ;;
	esac || fail "fsck of $1"
	say "fsck $1: clean"
}

# mend_super DEV: what a torn write may do to any ext4 of blocks of 1 KiB: at a freeze it writes its
# superblock, of two sectors and with a checksum, outside its journal. Its copy helps.
mend_super()
{
	! dumpe2fs -h "$1" 2>&1 | grep -q 'Superblock checksum does not match' || {
		say "$1: its superblock is torn"
		e2fsck -fp -b 8193 "$1" || [ $? -eq 1 ] || fail 'the copy of the superblock is of no use'
	}
}

# make_files DIR N [SEED]: a tree of about N files, then their list of sums in
# DIR/.sums. verify_files DIR: they are what the list says.
make_files()
{
	mf_i=0
	while [ $mf_i -lt "$2" ]; do
		mf_dir=$1/d$((mf_i % 7))
		mkdir -p "$mf_dir"
		head -c $(((mf_i * 7919 + ${3:-1} * 104729) % 60000 + 1)) \
			/dev/urandom >"$mf_dir/f$mf_i-${3:-1}"
		mf_i=$((mf_i + 1))
	done
	(cd "$1" && find . -type f ! -name .sums -exec sha256sum {} + >.sums)
}

verify_files()
{
	(cd "$1" && quiet sha256sum -c --quiet .sums) ||
		fail "files in $1 differ from their sums"
	# Nothing more and nothing less than listed.
	eq "$(cd "$1" && find . -type f ! -name .sums | wc -l)" \
		"$(wc -l <"$1/.sums")" "number of files in $1"
}
