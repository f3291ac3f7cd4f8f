# KASAN: slab memory used after it was freed.
# kernels: uml
# fails: console: .*KASAN: slab-use-after-free|console: .*KASAN: use-after-free

must insmod /smv/smv-canary.ko bug=use_after_free
must rmmod smv-canary
