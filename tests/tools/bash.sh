# bash: expansion, here-documents, pipes, job control, traps, coprocesses, and what it says of errors.
set -e
cat >all.bash <<'END'
shopt -s extglob nullglob globstar
# Files and globs.
mkdir -p a/{b,c}/d; touch a/b/{one,two}.txt a/c/d/three.txt 'a/with space' a/{1..3}
echo a/**/*.txt; echo a/!(b|c); echo a/@(1|2); echo none*; for f in a/with*; do echo "<$f>"; done
[[ -d a && ! -e missing && a/1 -ef a/../a/1 ]] && echo tests
echo more >>a/1; echo less >|a/1; set -C; echo x >a/1; set +C
exec 5<>a/2; echo five >&5; exec 5<&-; cat a/2; { echo out; echo err >&2; } 2>&1 >/dev/null | cat
echo >missing/file; cat <a/nothing; echo $?
# Text.
text='one two  three'; set -- $text; echo $# "${text#* }" "${text%% *}" "${text//o/0}" "${text^^}" "${#text}" "${text:4:3}" "${@:2:1}"
declare -A map=([x]=1 [y]=2); map[z]=3; for k in "${!map[@]}"; do echo "$k=${map[$k]}"; done | sort
list=(5 3 9 1); list+=(7); IFS=,; echo "${list[*]}" "${list[@]: -2}"; unset IFS
[[ 'key=value' =~ ^([a-z]+)=(.*)$ ]] && echo "${BASH_REMATCH[@]}"
echo $((16#ff + 2**10 % 7)) $((1 << 40)) $((-7 / 2)) "$((1/0))" ; printf '%q %05.2f %x %b\n' 'a b' 3.14159 255 'x\ty'
echo {a..e}{1..2} {01..10..3}; echo ~root; case abc in a*) echo star;;& *c) echo tail;; esac
cat <<HERE <<'RAW' - /dev/fd/3 3<<<string
not read
HERE
raw $text
RAW
cat <<-HERE
	indented $((6 * 7)) $(echo sub) `echo old`
	HERE
head -c 200000 /dev/zero | tr '\0' x >big; x=$(<big); echo ${#x}; cat <<<"$x" | wc -c
mapfile -t lines < <(printf '%s\n' q r s); echo "${lines[1]}" "${#lines[@]}"
diff <(echo 1; echo 2) <(echo 1; echo 3); tee >(wc -c >count) <<<words >/dev/null; while [ ! -s count ]; do sleep 0.1; done; cat count
read -r first rest <<<'a b c'; echo "$rest"; printf 'x:y' | { IFS=: read -r l r; echo "$? $l $r"; }; read -t 0.1 <&5 2>/dev/null; echo $?
mkfifo p; read -t 0.2 x <>p; echo "timed out: $(($? > 128))"
# Pipes and their statuses.
true | false | (exit 3); echo "${PIPESTATUS[@]}"; set -o pipefail; (exit 4) | true; echo $?; set +o pipefail
yes | head -2; yes | sed 3q >/dev/null; echo "${PIPESTATUS[@]}"; seq 100000 | tail -1; shopt -s lastpipe; echo v | read -r var; echo "<$var>"
(ulimit -n 50; ulimit -n); (ulimit -f 1; head -c 10000 /dev/zero >f) ; echo "file size: $?"
# Children.
(exit 7) & wait $!; echo $?; pids=(); for i in 1 2 3 4 5; do (exit $i) & pids+=($!); done; sum=0; for p in "${pids[@]}"; do wait $p; sum=$((sum + $?)); done; echo $sum
sleep 0.3 & short=$!; sleep 100 & long=$!; wait -n $short $long; echo "first: $?"; kill $long; wait $long; echo "killed: $?"
sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -KILL $$'; echo $?; nosuchcommand; echo $?; /etc/passwd; echo $?; ./; echo $?
(exec -a renamed sh -c 'echo $0'); env -i A=1 /usr/bin/env; echo $BASHPID | grep -c .; (trap '' INT; sh -c 'kill -INT $$; echo ignored')
wait 1; echo $?; kill -0 $$ && echo alive; kill -l 9 15 130 | tr '\n' ' '; echo
coproc UP { while read -r l; do echo "${l^^}"; done; echo last; }; echo word >&"${UP[1]}"; read -r l <&"${UP[0]}"; echo "$l"; eval "exec ${UP[1]}>&-"; cat <&"${UP[0]}"; wait $UP_PID; echo "coprocess: $?"
# Traps.
trap 'echo usr1' USR1; kill -USR1 $$; (kill -USR1 $$; echo sub) ; trap - USR1; trap -p
trap 'echo dbg $LINENO >/dev/null' DEBUG; trap - DEBUG; f() { trap 'echo returned' RETURN; return 5; }; f; echo $?; trap - RETURN
(trap 'echo exit $?' EXIT; exit 6); echo $?; (trap 'echo err' ERR; false; true); (set -e; false; echo never); echo $?
(trap 'echo term; exit 9' TERM; while :; do sleep 0.1; done) & sleep 0.5; kill $!; wait $!; echo $?
trap 'echo chld >>chlds' CHLD; set -o monitor; (exit 1) & wait; set +o monitor; trap - CHLD; sort -u chlds
( sleep 0.2; kill -ALRM $$ ) & trap 'echo alarm' ALRM; wait; echo "waited: $(($? > 128))"; wait
# Job control.
jobs >/dev/null; set -m; sleep 100 & jobs | tr -s ' '; kill -STOP %1; sleep 0.3; jobs | tr -s ' '; bg %1; sleep 0.2; jobs -r | tr -s ' '; kill %1; wait %1; echo $?
sleep 0.5 & [ $(ps -o pgid= -p $!) = $! ] && echo a group of its own; wait; jobs >/dev/null
sleep 0.2 | sleep 0.2 & jobs %% | tr -s ' '; fg >/dev/null; echo $?; disown -a; set +m
# A terminal of its own.
script -qec 'tty | grep -c /dev/pts; stty size; test -t 0 && echo terminal; stty -echo; stty -a | grep -o -- -echo' /dev/null | tr -d '\r'
printf 'echo typed\nexit 4\n' | script -qec 'bash --norc -i' /dev/null >typed; echo "interactive: $?, $(grep -c '^typed' typed)"
time -p true 2>&1; TIMEFORMAT=%R; time sleep 0.1 2>/dev/null; declare -f f; type -t cd f ls if; echo "$-" | grep -o m; echo ${BASH_VERSION%(*}
printf -v made '%(%F %T)T' 1700000000; echo $made; (( RANDOM != RANDOM )) && echo random; [ $SECONDS -ge 1 ] && echo seconds; echo $UID $PPID | cut -d' ' -f1
getopts ab:c o -b arg; echo $o $OPTARG; alias; command -v sort; hash -r; enable -n echo; type -t echo; times | wc -l; umask 027; umask -S; : >u; stat -c %a u; shopt | wc -l
select x in p q; do echo $x; break; done <<<2; let 'n = 5, n *= 2'; echo $n; local x; return 3; echo after; break
END
TZ=UTC timeout 200 bash all.bash 2>&1 </dev/null | sed 's/^[01]\.[0-9]*$/TIME/; s/^\(real\|user\|sys\) .*/\1/; s/\[[0-9]*\] [0-9]\{2,\}/[N] PID/; s/line \([0-9]*\): *[0-9]\{2,\} /line \1: PID /'
# A script that counts: recursion, arithmetic, strings.
bash -c 'fib() { (($1 < 2)) && echo $1 || echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); }; fib 11; s=; for ((i = 0; i < 20000; i++)); do s+=$((i % 10)); done; echo ${#s} ${s:12345:5}'
