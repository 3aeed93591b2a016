# Clocks and sleeping.
a=$(date +%s); sleep 0.2; b=$(date +%s); [ $((b - a)) -le 2 ] && echo near
date -u -d @0; date -u -d '2026-11-21 12:00:00' +%s; TZ=UTC date -d @1000000000
time -p true 2>&1 | cut -d' ' -f1; usleep 1000; echo $?; [ "$(date +%Y)" -ge 2024 ] && echo year
