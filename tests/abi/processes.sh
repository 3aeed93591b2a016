# Children, statuses, background jobs, waiting, environment, execution.
true; echo $?; false; echo $?; (exit 42); echo $?; missing-command; echo $?
(echo in child; exit 3) & wait $!; echo "waited $?"
for i in 1 2 3 4; do (exit $i) & p="$p $!"; done; for q in $p; do wait $q; echo $?; done
X=1 env | grep ^X; export Y=2; busybox env | grep ^Y=
sh -c 'echo $0 $1 $#' a b c; exec 3> out; echo to three >&3; exec 3>&-; cat out
( cd /; pwd ); pwd; echo "$(echo nested "$(echo deep)")"
yes | head -n 2; (sleep 0.1; echo late) | cat; xargs -n 2 echo < /dev/null; seq 5 | xargs -n 2 echo
