# hammer finds that one write of the middle is missing.
# fails: exit 1 from: hammer check
# kernels: 6.1
# timeout: 30

mkdisk a 16M
hammer run state --count 300 --sectors 8-8 --align 8 "$a"
must hammer check --sectors 8-8 --align 8 "$a"
stamp zero "$a" --from 0 --count 8000
must hammer check --sectors 8-8 --align 8 "$a"
