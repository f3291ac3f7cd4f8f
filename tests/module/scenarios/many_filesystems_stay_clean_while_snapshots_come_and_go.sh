# Many filesystems at once, on origins and on snapshots of them: made, checked, mounted, loaded, unmounted, checked;
# and once more while snapshots of them come and go, with every file what it was.
# timeout: 200
# long

count=$(scaled 8 4)
numbers=$(seq 1 "$count")
mkdisk store 256M
smv format -l s0 "$store"
for i in $numbers; do
	mkdisk o$i 16M
	eval "origin=\$o$i"
	smv add "$store" "$origin" v$i
done
smv activate "$store"

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

clean()	# N
{
	e2fsck -fn "/dev/mapper/s0-v$1" >/dev/null 2>&1
}

made()	# N
{
	mkfs.ext4 -q -F -E nodiscard "/dev/mapper/s0-v$1"
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
	each made
	each clean
	for i in $numbers; do
		mnt /dev/mapper/s0-v$i v$i
	done
}

down()
{
	each whole
	for i in $numbers; do
		unmnt v$i
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

# While snapshots come and go.
come_and_go()
{
	cg_n=0
	while [ ! -e "$T/stop" ]; do
		cg_n=$((cg_n + 1))
		cg_v=v$((cg_n % count + 1))
		quiet snapmv snapshot $cg_v "s$cg_n" "$cg_v@base" "t$cg_n"
		quiet snapmv activate "$cg_v@s$cg_n"
		quiet e2fsck -fn "/dev/mapper/s0-$cg_v@s$cg_n" || fail "the filesystem on $cg_v@s$cg_n"
		quiet snapmv deactivate "$cg_v@s$cg_n"
		[ $((cg_n % 3)) -eq 0 ] || quiet snapmv delete "$cg_v@s$cg_n"
		quiet snapmv delete "$cg_v@t$cg_n"
		echo "$cg_n" >"$T/taken"
	done
}

up
echo 0 >"$T/taken"
come_and_go & goer=$!
each load 3
each whole
each load 4
enough() { [ "$(cat "$T/taken")" -ge 3 ]; }
wait_for 100 enough
touch "$T/stop"
wait $goer || fail 'snapshots coming and going'
say "$(cat "$T/taken") snapshots came"
down
settle s0
eq "$(field s0 dropped)" 0 dropped
