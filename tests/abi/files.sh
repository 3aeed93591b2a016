# Creating, writing, appending, reading at places, truncating, and what stat says of it.
echo one > a; echo two >> a; cat a; wc -c a
printf 'XY' | dd of=a bs=1 seek=1 conv=notrunc 2>/dev/null; cat a
dd if=a bs=1 skip=4 count=3 2>/dev/null; echo
truncate -s 3 a; stat -c '%s %F %a %h' a
truncate -s 100000 a; stat -c '%s' a; tail -c 4 a | od -An -tx1
: > a; stat -c '%s %F' a
cat missing; echo "status $?"
dd if=/dev/zero of=sparse bs=1 count=1 seek=1000000 2>/dev/null; stat -c %s sparse
head -c 300000 /dev/zero | tr '\0' q > big; md5sum big; cp big copy; cmp big copy && echo same
