# A program whose fourth thread of eight crashes, under strace and under gdb.
cat >crash.c <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static pthread_barrier_t all;

static void crash_at(int *where) { *where = 1; }

static void *work(void *number) {
    pthread_barrier_wait(&all);
    if ((long)number == 4)
        crash_at((int *)16);
    for (;;)
        pause();
}

int main(void) {
    pthread_t threads[8];
    puts("begun");
    fflush(stdout);
    pthread_barrier_init(&all, NULL, 9);
    for (long number = 0; number < 8; number++)
        pthread_create(&threads[number], NULL, work, (void *)number);
    pthread_barrier_wait(&all);
    pthread_join(threads[0], NULL);
}
END
gcc -g -O0 -pthread crash.c -o crash || exit 1
./crash
echo "alone: $?"

turn=0
while [ $turn -lt 10 ]; do
    turn=$((turn + 1))
    strace -f -o trace ./crash >/dev/null 2>&1
    echo "strace: $?, $(grep -c 'SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10}' trace) faults, $(grep -c 'killed by SIGSEGV' trace) killed, $(grep -c 'clone3\{0,1\}(.*= [0-9]\|clone3* resumed.*= [0-9]' trace) threads made"
done
strace -f -c -o table ./crash >/dev/null 2>&1
echo "strace -c: $?"
awk '$NF ~ /^(clone3?|write|futex|execve)$/ { print $NF }' table | sort
# A shell's script, with its children: calls and how they end, without numbers and addresses.
strace -f -o trace -e trace=execve,pipe2,dup2,wait4,exit_group,kill sh -c 'echo one | tr a-z A-Z; (exit 3); echo $?; kill -TERM $$'
echo "strace of a shell: $?"
sed 's/^[0-9]* *//; s/0x[0-9a-f]*/ADDRESS/g; s/[0-9]\{2,\}/N/g' trace | grep -o '^[a-z_0-9]*(\|^---.*\|^+++.*' | grep -v 'SIGCHLD' | sort | uniq -c | awk '{ $1 = ""; print }'

addresses() { sed 's/0x[0-9a-f]*/ADDRESS/g; s/(LWP [0-9]*)/(LWP)/; s/process [0-9]*/process N/g'; }
gdb -nx -batch -ex 'set pagination off' -ex 'set debuginfod enabled off' -ex run -ex bt -ex 'p *(int *)&all' -ex 'info registers rip' -ex 'thread apply all -q p $_thread > 0' -ex kill ./crash >log 2>&1
echo "gdb: $?"
cat log >&2
addresses <log | grep -E 'SIGSEGV|crash_at|^#[0-2]|^Program|killed' | sed 's/Thread [0-9]* /Thread /; s/Thread ADDRESS (LWP)/Thread/'
echo "$(grep -c '^\[New Thread' log) new threads, $(grep -c '^\$[0-9]* = 1' log) asked"

cat >steps.c <<'END'
#include <stdio.h>
static int count;
static int add(int number) { count += number; return count; }
int main(void) { for (int number = 0; number < 10; number++) add(number); printf("%d\n", count); }
END
gcc -g -O0 steps.c -o steps || exit 1
gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break add if number == 7' -ex run -ex bt -ex finish -ex 'p count' -ex 'set var count = 1000' -ex stepi -ex 'p $_siginfo.si_signo' -ex 'catch syscall exit_group' -ex continue -ex continue ./steps >log 2>&1
echo "gdb, steps: $?"
cat log >&2
addresses <log | grep -v '^warning\|^Using host\|^\[Thread debugging'
# What is running already.
sleep 100 & pid=$!
gdb -nx -batch -ex 'set debuginfod enabled off' -p $pid -ex 'info inferiors' -ex detach >log 2>&1
echo "gdb, attached: $?, $(grep -c "^\* 1 .*process $pid" log)"
strace -p $pid -o trace & tracer=$!
sleep 1; kill $pid; wait $pid; echo "sleep: $?"; wait $tracer; echo "its tracer: $?"
tail -1 trace
