# Snapshots of two origins, and of a snapshot, taken by one command are one
# point: of threads that write to both devices, a prefix of all their writes.
# timeout: 90

n=$(scaled 6 2)
mkdisk a 12M
mkdisk b 16M
mkdisk store 256M
smv format -c 16K -l s0 "$store"
smv add "$store" "$a" one
smv add "$store" "$b" two
smv activate "$store"
smv snapshot one base
smv activate one@base

O='--threads 4 --seed 11'
M='--threads 2 --seed 12'
nice -n 10 hammer run state $O /dev/mapper/s0-one /dev/mapper/s0-two & pid=$!
wait_for 20 hammering state
i=0
while [ $i -lt "$n" ]; do
	hammer mark state before$i >>marks
	smv snapshot one g$i two g$i
	hammer mark state after$i >>marks
	i=$((i + 1))
done
hammer stop state
wait $pid
i=0
while [ $i -lt "$n" ]; do
	quiet snapmv activate one@g$i two@g$i
	must hammer check $O --marks marks --before before$i --after after$i \
		/dev/mapper/s0-one@g$i /dev/mapper/s0-two@g$i
	quiet snapmv deactivate one@g$i two@g$i
	i=$((i + 1))
done

# An origin and a snapshot of the other one.
nice -n 10 hammer run mixed $M /dev/mapper/s0-two /dev/mapper/s0-one@base & pid=$!
wait_for 20 hammering mixed
i=0
while [ $i -lt "$n" ]; do
	hammer mark mixed before$i >>mixedmarks
	smv snapshot two m$i one@base m$i
	hammer mark mixed after$i >>mixedmarks
	i=$((i + 1))
done
hammer stop mixed
wait $pid
i=0
while [ $i -lt "$n" ]; do
	quiet snapmv activate two@m$i one@m$i
	must hammer check $M --marks mixedmarks --before before$i \
		--after after$i /dev/mapper/s0-two@m$i /dev/mapper/s0-one@m$i
	quiet snapmv deactivate two@m$i one@m$i
	i=$((i + 1))
done

# All or none: one name exists, one volume does not.
smv snapshot one x
mustfail 'one@x: there is a snapshot of this name' snapmv snapshot two y one x
mustfail 'three: .* no such volume' snapmv snapshot two y three y
mustfail 'no store has this volume' snapmv activate two@y
eq "$(field s0 dropped)" 0 dropped
