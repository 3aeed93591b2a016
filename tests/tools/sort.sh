# Five million lines, of which many are equal, sorted by two threads with little memory.
set -e
awk 'BEGIN { x = 1; for (i = 0; i < 5000000; i++) { x = (x * 16807) % 2147483647; print x % 3000000 } }' >lines
wc lines
cksum <lines
LC_ALL=C sort -u --parallel=2 -S 64M -T . lines >unique
wc -l <unique
cksum <unique
head -300000 lines >some
sort -n some | cksum
LC_ALL=C.UTF-8 sort -k1,1 -s some | cksum
sort -rn --parallel=2 -o some some
cksum <some
LC_ALL=C sort -c unique && echo sorted
LC_ALL=C comm -12 unique unique | wc -l
split -l 50000 -d unique part.
LC_ALL=C sort -m part.* | cmp - unique && echo merged
