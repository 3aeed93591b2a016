# The devices every program counts on.
head -c 5 /dev/zero | od -An -tx1; cat /dev/null; echo x > /dev/null; echo x > /dev/full; echo $?
[ "$(head -c 16 /dev/urandom | od -An -tx1)" = "$(head -c 16 /dev/urandom | od -An -tx1)" ] || echo random
[ -c /dev/null ] && stat -c '%F %t %T %a' /dev/null /dev/zero /dev/full /dev/urandom
echo stdin | cat /dev/stdin; echo out > /dev/stdout; ls -d /dev/pts /dev/shm; [ -c /dev/ptmx ] && echo ptmx
tty; echo $?; ls -l /proc/self/fd/0 | sed 's/.* //'
