# Thousands of random operations on two origins with a partial last chunk, by
# ioctls and some through the tool, match plain copies of every volume; at the
# end, all deleted, the store holds nothing.
# timeout: 120

mkdisk a 3204s
mkdisk b 3213s
mkdisk store 256M
stamp write "$a" --tag 1
stamp write "$b" --tag 2
smv format -c 8K -l s0 "$store"
smv add "$store" "$a" a
smv add "$store" "$b" b
smv activate "$store"
must differ --seed "$SMV_SEED" --count "$(scaled 3000 300)" s0 a b
