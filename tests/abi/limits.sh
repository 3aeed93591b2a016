# Limits, and what happens at them.
ulimit -n; (ulimit -n 10; for i in 3 4 5 6 7 8 9 10 11; do eval "exec $i< /dev/null" || break; done; echo opened)
(ulimit -f 8; head -c 20000 /dev/zero > big; echo $?; stat -c %s big); (ulimit -s 256; ulimit -s)
name=$(head -c 256 /dev/zero | tr '\0' a); touch $name; echo $?; touch ${name#a}; echo $?; ls | head -c 3; echo
long=.; for i in $(seq 2100); do long=$long/.; done; ls $long; echo $?
(ulimit -v 20000; awk 'BEGIN { while (1) s = s "0123456789abcdef" s }' 2>/dev/null; [ $? -ne 0 ] && echo refused)
