# Permission bits, umask, owners, times.
umask; umask 027; touch a; mkdir d; stat -c '%a %u %g' a d; umask 022
chmod 4751 a; stat -c '%a %A' a; chmod u-s,g+w,o= a; stat -c '%a' a; chmod 1777 d; stat -c '%A' d
touch -d '2020-01-02 03:04:05' a; stat -c '%Y' a; chown 12:34 a; stat -c '%u %g' a
[ -x a ] && echo executable; [ -r a ] && echo readable; id -u
echo 'echo script' > s; ./s; echo "status $?"; chmod +x s; ./s
printf '#!/bin/busybox sh\necho interpreted $0 $1\n' > i; chmod +x i; ./i arg
