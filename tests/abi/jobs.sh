# Groups, sessions, orphans.
setsid sh -c 'echo session; exit 4'; echo $?; sh -c 'sh -c "sleep 0.1; echo orphan" &'; sleep 0.3
setsid sh -c 'sh -c "sleep 5; echo late" & kill -TERM 0; echo never'; echo $?
start-stop-daemon -S -b -x /bin/busybox -- true; echo $?; pidof nothing; echo $?
