# The usual tools, on memory, files and pipes of some size.
seq 10000 | sort | sort -n | md5sum; seq 100 | awk '{s += $1 * $1} END {print s}'
seq 5 | sed 's/3/three/;2d'; printf 'b\na\nc\n' | sort | tr a-z A-Z; echo hello | rev
seq 2000 > n; grep -c 7 n; grep -n 77 n | head -n 3; gzip n; gunzip n.gz; md5sum n; bzip2 n; bunzip2 n.bz2; wc n
tar cf t.tar n; rm n; tar xf t.tar; md5sum n; tar tf t.tar; echo n | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null
printf '%s\n' 'a b' | (read x y; echo "$y $x"); expr 6 \* 7; echo $((1 << 40)); factor 1234567; echo 'scale=5; 1/3' | bc
diff n t.tar > /dev/null; echo $?; head -n 700 n > a; tail -n +701 n | cat a - | cmp - n && echo joined
