# Pipes and named pipes: order, ends, sizes, and large amounts.
echo a | cat | cat | cat; seq 1000 | sort -rn | head -n 3; (echo 1; echo 2 >&2) 2>&1 | sort
head -c 1000000 /dev/zero | wc -c; head -c 3000000 /dev/zero | tr '\0' a | md5sum
mkfifo f; stat -c %F f; (cat f; echo reader done) & echo through > f; wait
i=0; while [ $i -lt 200 ]; do cat f & echo $i > f; wait; i=$((i + 1)); done | md5sum
(echo x > f) & read line < f; echo "$line"; wait
seq 20000 | while read i; do n=$((n + i)); echo $n; done | tail -n 1
cat /dev/null | wc -c; : | cat; echo status $?; tee a b < /etc/group | wc -l; cmp a b
