# Delivery, handlers, ignoring, default actions, and what the parent sees.
sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -KILL $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?
trap 'echo got usr1' USR1; kill -USR1 $$; echo after
trap '' TERM; kill -TERM $$; echo ignored; trap - TERM
sh -c 'trap "echo leaving; exit 5" TERM; kill -TERM $$; echo not reached'; echo $?
# Whether the shell says "Terminated" depends on when it looks.
sh -c 'sleep 100 & kill $!; wait $!; echo $?' 2> /dev/null; kill -0 $$ && echo alive; kill -0 99999; echo $?
(trap 'echo int' INT; kill -INT $(sh -c 'echo $PPID'); echo done); timeout 0.2 sleep 5; echo $?
sh -c 'kill -STOP $$; echo continued' & sleep 0.1; kill -CONT $!; wait $!; echo $?
yes > /dev/null & kill -PIPE $!; wait $!; echo $?; (yes; echo "yes $?" >&2) | head -n 1
