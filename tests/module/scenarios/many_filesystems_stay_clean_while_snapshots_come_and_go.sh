# Many filesystems at once, on origins and on snapshots of them: made, checked, mounted, loaded, unmounted, checked;
# and once more while snapshots of them come and go, from before they are made until after they were checked, with every
# file what it was.
# timeout: 300
# memory: 1G
# long

count=$(scaled 8 4)
numbers=$(seq 1 "$count")
kinds=$(filesystems)
mkdisk store 512M
smv format -l s0 "$store"
for i in $numbers; do
	mkdisk o$i 32M
	eval "origin=\$o$i"
	smv add "$store" "$origin" v$i
	# shellcheck disable=SC2086
	kind=$(printf '%s\n' $kinds | sed -n "$((i % $(echo $kinds | wc -w) + 1))p")
	eval "kind$i=\$kind"
	say "v$i: $kind"
done
smv activate "$store"

kind_of()	# N
{
	eval "echo \$kind$1"
}

# each CMD...: CMD N for each, at the same time
each()
{
	ea_pids=
	for i in $numbers; do
		"$@" "$i" & ea_pids="$ea_pids $!"
	done
	for pid in $ea_pids; do
		wait "$pid" || fail "$*: one of them"
	done
}

# checks KIND DEV: what is unmounted, or frozen, has nothing to mend
checks()
{
	case $1 in
	ext4)	e2fsck -fn "$2" ;;
	xfs)	xfs_repair -n "$2" ;;
	esac >"$T/checks.${2##*/}" 2>&1 || {
		cat "$T/checks.${2##*/}" >&2
		fail "the filesystem on $2"
	}
}

clean()	# N
{
	checks "$(kind_of "$1")" "/dev/mapper/s0-v$1"
}

made()	# N
{
	case $(kind_of "$1") in
	ext4)	mkfs.ext4 -q -F -E nodiscard "/dev/mapper/s0-v$1" ;;
	# mkfs.xfs makes none below 300 MiB otherwise.
	xfs)	mkfs.xfs --unsupported -q -f -K "/dev/mapper/s0-v$1" 2>/dev/null ;;
	esac
}

# phase N WHAT: what a snapshot of v$N may be now: nothing (it is being made), still (frozen, or at rest),
# torn (it is being mounted or unmounted: what a power cut leaves)
phase()
{
	phases=$((${phases-0} + 1))
	echo "$2 $phases" >"$T/phase$1.new"
	mv "$T/phase$1.new" "$T/phase$1"
}

phase_all()	# WHAT
{
	for i in $numbers; do
		phase "$i" "$1"
	done
}

load()	# SEED N
{
	make_files "/mnt/v$2" "$(scaled 40 20)" "$1"
	rm -rf "/mnt/v$2/d$(($1 % 7))"
	make_files "/mnt/v$2" 10 $(($1 + 10))
}

whole()	# N
{
	verify_files "/mnt/v$1"
}

up()
{
	phase_all nothing
	each made
	phase_all still
	each clean
	for i in $numbers; do
		phase "$i" torn
		mnt /dev/mapper/s0-v$i v$i
		phase "$i" still
	done
}

down()
{
	each whole
	for i in $numbers; do
		phase "$i" torn
		unmnt v$i
		phase "$i" still
	done
	each clean
}

up
each load 1
down

# On snapshots of them.
for i in $numbers; do
	names="${names-} v$i base"
done
# shellcheck disable=SC2086
smv snapshot $names
for i in $numbers; do
	smv activate "v$i@base"
	mnt "/dev/mapper/s0-v$i@base" v$i
done
each load 2
each whole
for i in $numbers; do
	unmnt v$i
	fsck "/dev/mapper/s0-v$i@base"
	mnt "/dev/mapper/s0-v$i@base" snap
	verify_files /mnt/snap
	unmnt snap
	smv deactivate "v$i@base"
done

# judge N SNAPSHOT BEFORE AFTER: the snapshot, active, is what the phases before and after it say
judge()
{
	jd_dev=/dev/mapper/s0-v$1@$2
	jd_kind=$(kind_of "$1")
	case "$3 $4" in
	nothing*)
		# Not even a filesystem, but the same as often as it is read.
		eq "$(sumdev "$jd_dev")" "$(sumdev "$jd_dev")" "what is on v$1@$2"
		echo nothing
		return ;;
	esac
	if [ "$3" = "$4" ] && [ "${3% *}" = still ] && [ "$jd_kind" = ext4 ]; then
		checks ext4 "$jd_dev"
		echo still
	else
		echo mounted	# a frozen XFS, too, keeps something in its log on purpose
	fi
	mnt "$jd_dev" goer >&2
	unmnt goer >&2
	checks "$jd_kind" "$jd_dev"
}

# While snapshots come and go.
come_and_go()
{
	cg_top=$T cg_n=0
	while [ ! -e "$cg_top/stop" ]; do
		cg_n=$((cg_n + 1))
		cg_i=$((cg_n % count + 1))
		cg_v=v$cg_i
		cg_before=$(cat "$cg_top/phase$cg_i")
		T=$cg_top/goer quiet snapmv snapshot $cg_v "s$cg_n" "$cg_v@base" "t$cg_n"
		cg_after=$(cat "$cg_top/phase$cg_i")
		T=$cg_top/goer quiet snapmv activate "$cg_v@s$cg_n"
		echo "$cg_v@s$cg_n, taken while $cg_before, then $cg_after" >"$cg_top/judging"
		judge "$cg_i" "s$cg_n" "$cg_before" "$cg_after" >>"$cg_top/judged"
		T=$cg_top/goer quiet snapmv deactivate "$cg_v@s$cg_n"
		# Each third stays for two rounds.
		[ $((cg_n % 3)) -eq 0 ] || T=$cg_top/goer quiet snapmv delete "$cg_v@s$cg_n"
		cg_old=$((cg_n - 2 * count))
		[ $cg_old -le 0 ] || [ $((cg_old % 3)) -ne 0 ] || T=$cg_top/goer quiet snapmv delete "$cg_v@s$cg_old"
		T=$cg_top/goer quiet snapmv delete "$cg_v@t$cg_n"
		echo "$cg_n" >"$cg_top/taken.new"
		mv "$cg_top/taken.new" "$cg_top/taken"
	done
}

mkdir "$T/goer"
echo 0 >"$T/taken"
: >"$T/judged"
phase_all still
come_and_go & goer=$!
wait_for 100 test -s "$T/judged"
cycles=0
while :; do
	cycles=$((cycles + 1))
	up
	each load 3
	each whole
	each load 4
	down
	! has_ended $goer || break
	[ "$(cat "$T/taken")" -lt $((3 * count)) ] || break
done
touch "$T/stop"
wait $goer || fail "snapshots coming and going: $(cat "$T/judging")"
say "$(cat "$T/taken") snapshots came in $cycles cycles: $(sort "$T/judged" | uniq -c | xargs)"
cond "$(cat "$T/taken")" -ge $((3 * count))
each clean
settle s0
# What was there before all that.
for i in $numbers; do
	smv activate "v$i@base"
	mnt "/dev/mapper/s0-v$i@base" snap
	verify_files /mnt/snap
	unmnt snap
	fsck "/dev/mapper/s0-v$i@base"
	smv deactivate "v$i@base"
done
eq "$(field s0 dropped)" 0 dropped
