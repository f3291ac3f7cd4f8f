# A snapshot taken while threads write is an exact point: of each thread it
# holds a prefix of its writes, with all those acknowledged before the command
# and none begun after it had returned. So it is for the origin, and for a
# snapshot that is written while snapshots of it are taken.
# timeout: 90

n=$(scaled 8 3)
mkdisk origin 16M
mkdisk store 256M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data base
smv activate data@base

O='--threads 4 --seed 7'
S='--threads 3 --seed 8 --sectors 1-70'
nice -n 10 hammer run ostate $O --flush-every 50 /dev/mapper/s0-data >/dev/null & opid=$!
nice -n 10 hammer run sstate $S /dev/mapper/s0-data@base & spid=$!
wait_for 20 hammering ostate
wait_for 20 hammering sstate
# More than the first point holds is written before the last.
acknowledged() { hammer mark "$1" now | awk '{n += $4} END {print n}'; }
written_since() { [ "$(acknowledged ostate)" -gt "$1" ]; }

i=0
while [ $i -lt "$n" ]; do
	[ $i -ne 1 ] || first=$(acknowledged ostate)
	[ $i -ne $((n - 1)) ] || wait_for 20 written_since "$first"
	hammer mark ostate before$i >>omarks
	smv snapshot data o$i
	hammer mark ostate after$i >>omarks
	hammer mark sstate before$i >>smarks
	smv snapshot data@base s$i
	hammer mark sstate after$i >>smarks
	i=$((i + 1))
done
hammer stop ostate
hammer stop sstate
wait $opid
wait $spid

i=0
while [ $i -lt "$n" ]; do
	quiet snapmv activate data@o$i data@s$i
	must hammer check $O --marks omarks --before before$i --after after$i \
		/dev/mapper/s0-data@o$i
	must hammer check $S --marks smarks --before before$i --after after$i \
		/dev/mapper/s0-data@s$i
	quiet snapmv deactivate data@o$i data@s$i
	i=$((i + 1))
done
eq "$(field s0 dropped)" 0 dropped
