# mustfail takes no pattern that the command's own words match.
# fails: what is only in the command
# kernels: 6.1
# timeout: 20

mustfail 'there is no store' snapmv list nosuch
mustfail 'nosuch' snapmv list nosuch
