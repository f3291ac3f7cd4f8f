# kmemleak: memory that nobody knows of is left when the scenario is over.
# kernels: uml
# fails: console: .*kmemleak: .*new suspected

must insmod /smv/smv-canary.ko bug=leak
must rmmod smv-canary
