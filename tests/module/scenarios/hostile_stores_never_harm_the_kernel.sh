# Stores that may say anything with checksums that fit (the fuzzer's corpus, random ones, crafted
# ones: loops, control characters, absurd sizes, newer formats) are refused by the module, or
# used without a warning, a hang or a crash; what was clean is clean afterwards.
# images: hostile
# kernels: 6.1
# long
# timeout: 900

mkdisk store 16M
mkdisk origin 16M
tried=0 up=0
for image in /smv/images/*.gz; do
	name=$(basename "$image" .gz)
	gunzip -c "$image" | dd of="$store" bs=64k iflag=fullblock status=none
	case $name in
	name-*)	snapmv list "$store" >listed 2>&1 || :
		! grep -q '[[:cntrl:]]' listed || fail "control characters from list of $name" ;;
	esac
	was=damaged
	! snapmv check -q "$store" 2>/dev/null || was=clean
	timeout 200 hostile "$store" "$origin" >said 2>&1 ||
		fail "$name: exit $?: $(tail -n 1 said)"
	say "$name ($was): $(cat said)"
	grep -q '^refused' said || up=$((up + 1))
	tried=$((tried + 1))
	[ $was = damaged ] || grep -q 'state failed' said || must snapmv check "$store"
done
cond $tried -ge 30
cond $up -ge 10
cond $up -lt $tried

# Refused by the name of what is missing, by the tool and by the module.
for refused in 'newer-version:format version 2' \
	'newer-incompatible:incompatible features 3 5' \
	'newer-read-only:read-only compatible features 2'; do
	gunzip -c "/smv/images/${refused%%:*}.gz" | dd of="$store" bs=64k status=none
	dmesg -c >/dev/null
	! dmsetup create new --table "0 $(sectors "$store") snap-mv-store $store" 2>/dev/null ||
		fail "the module takes ${refused%%:*}"
	must sh -c "dmesg | grep 'the store needs ${refused#*:}'"
	mustfail "${refused#*:}.*use a newer" snapmv set "$store" policy=hold
done
mustfail 'refuses it|needs|newer' snapmv activate "$store"
