# What programs read in /proc.
readlink /proc/self/exe; tr '\0' ' ' < /proc/self/cmdline; echo; readlink /proc/self/cwd
sh -c 'cat /proc/$$/comm'; grep -c . /proc/self/maps > /dev/null && echo maps
grep -E '^(Name|State|Umask|Threads|PPid):' /proc/self/status | cut -f1 | sort | head -n 6
grep -E '^Mem(Total|Free|Available):' /proc/meminfo | cut -d: -f1; head -c 5 /proc/version; echo
[ "$(cut -d' ' -f1 /proc/uptime)" != "" ] && echo uptime; grep -c ^processor /proc/cpuinfo
ls /proc/self/fd | wc -l; cat /proc/sys/kernel/ostype; ls /proc/$$/task | wc -l
cat /proc/nothing; [ -d /proc/1 ] && echo one
