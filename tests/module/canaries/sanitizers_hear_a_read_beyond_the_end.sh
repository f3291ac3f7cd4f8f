# KASAN: vmalloc memory read beyond its end.
# kernels: uml
# fails: console: .*KASAN: vmalloc-out-of-bounds

must insmod /smv/smv-canary.ko bug=beyond_the_end
must rmmod smv-canary
