# trinity.sh SECONDS: half-valid calls by nobody's processes. Afterwards memory and processes are as before.
available() { sync; awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }
number() { ls -d /proc/[0-9]* | wc -l; }
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
mkdir work
chmod 1777 work
cd work
memory=$(available) processes=$(number) end=$(($(date +%s) + $1)) seed=1
while left=$((end - $(date +%s))); [ $left -gt 0 ]; do
    # One that ends by itself, or by what it does to itself, is followed by the next seed.
    [ $left -gt 130 ] && left=130
    nobody timeout -k 5 $left trinity -q -C 4 -N 1000000 -l off --disable-fds=sockets -s $seed >../log 2>&1
    echo "seed $seed: $?, $(tail -1 ../log | cut -c1-200)" >&2
    seed=$((seed + 1))
done
cd ..
pkill -KILL -U 65534
tries=0
while pgrep -U 65534 >/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
pgrep -U 65534 | while read -r pid; do echo "$pid cannot be ended: $(cat /proc/$pid/wchan /proc/$pid/stat)"; done
rm -rf work /tmp/trinity* /dev/shm/*
ipcs -m -q -s | awk '$2 ~ /^[0-9]+$/ { print $0 }' >&2
ipcrm --all 2>/dev/null
sleep 3
echo "memory: $memory MiB before, $(available) after; processes: $processes before, $(number) after" >&2
[ $((memory - $(available))) -lt 150 ] || { echo "$((memory - $(available))) MiB are missing"; bad=1; }
[ $(($(number) - processes)) -lt 10 ] || { echo "$(($(number) - processes)) processes are left"; bad=1; }
exit ${bad:-0}
