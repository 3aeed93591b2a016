# perl: files, directories, forks, pipes, signals, sockets, sorting, patterns, time.
set -e
cat >all.pl <<'END'
use strict;
use warnings;
use Errno qw(:POSIX);
use Fcntl qw(:DEFAULT :flock :mode :seek);
use File::Find;
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Select;
use IPC::Open3;
use POSIX qw(:sys_wait_h :signal_h strftime mktime);
use Socket;
use Time::HiRes qw(usleep time alarm);

$| = 1;
my $folder = tempdir(CLEANUP => 1);
chdir $folder or die;

# Files.
sysopen my $file, 'file', O_RDWR | O_CREAT | O_EXCL, 0640 or die;
print 'again: ', (sysopen(my $again, 'file', O_RDWR | O_CREAT | O_EXCL) ? 'made' : $!), "\n";
print 'written: ', syswrite($file, join '', map { "line $_\n" } 1 .. 1000), "\n";
sysseek $file, -10, SEEK_END;
sysread $file, my $end, 100;
print "end: $end";
truncate $file, 20;
print 'size: ', -s $file, sprintf(', mode %o', S_IMODE((stat $file)[2])), "\n";
print 'locked: ', flock($file, LOCK_EX), "\n";
if (my $child = fork) { waitpid $child, 0; print 'child has it: ', $? >> 8, "\n" }
else { open my $other, '<', 'file'; exit(flock($other, LOCK_EX | LOCK_NB) ? 1 : $! == EWOULDBLOCK ? 2 : 3) }
link 'file', 'second';
symlink 'second', 'soft';
print 'links: ', (stat 'file')[3], ', ', readlink 'soft', "\n";
utime 1000000000, 1000000001, 'file';
print 'times: ', join(' ', (stat 'second')[8, 9]), "\n";
mkdir "d$_" for 1 .. 3;
mkdir "d$_/e" for 1 .. 3;
print 'not empty: ', (rmdir 'd1' ? 'gone' : $!), "\n";
rename 'second', 'd2/e/moved';
my @found;
find({ wanted => sub { push @found, $File::Find::name }, no_chdir => 1 }, '.');
print join(' ', sort @found), "\n";
print 'dangling: ', (-e 'soft' ? 'there' : $!), "\n";
opendir my $dir, '.';
print join(' ', sort grep { !/^\./ } readdir $dir), "\n";
open my $memory, '+<', \ (my $text = "a\nb\n");
print 'memory: ', join('', <$memory>);

# Processes.
my @children;
for my $number (1 .. 40) {
    my $child = fork // die "fork: $!";
    exit $number unless $child;
    push @children, $child;
}
my $sum = 0;
for (@children) { waitpid $_, 0; $sum += $? >> 8 }
print "sum: $sum, then: ", wait, ', ', ($! == ECHILD ? 'no child' : $!), "\n";
print 'by a signal: ', do { system 'kill -TERM $$'; $? & 127 }, "\n";
print 'not there: ', (system('/missing/program') == -1 ? $! : 'run'), "\n";
my $pid = open3(my $in, my $out, undef, 'sh', '-c', 'tr a-z A-Z; echo error >&2; exit 9');
print $in "some text\n";
close $in;
print 'open3: ', join(' | ', map { chomp; $_ } sort <$out>);
waitpid $pid, 0;
print ', ', $? >> 8, "\n";
pipe my $reader, my $writer;
unless (fork) { close $reader; print $writer "$_\n" for 1 .. 50000; exit 0 }
close $writer;
my $lines = 0;
$lines += $_ while <$reader>;
wait;
print "through a pipe: $lines\n";
{
    local $SIG{PIPE} = 'IGNORE';
    pipe my $r, my $w;
    close $r;
    print 'nobody reads: ', (defined syswrite($w, 'x') ? 'written' : $!), "\n";
}
$0 = 'named by itself';
open my $name, '<', "/proc/$$/cmdline";
print 'name: ', (<$name> =~ /^(named by itself)/ ? $1 : 'another'), "\n";

# Signals.
my %seen;
$SIG{$_} = sub { $seen{$_[0]}++ } for qw(USR1 USR2 HUP CHLD);
kill $_, $$ for qw(USR1 USR2 HUP USR1);
print 'seen: ', join(' ', map { "$_=$seen{$_}" } sort keys %seen), "\n";
my $set = POSIX::SigSet->new(SIGUSR1);
sigprocmask(SIG_BLOCK, $set);
kill USR1 => $$;
my $before = $seen{USR1};
my $pending = POSIX::SigSet->new;
sigpending($pending);
print 'blocked: ', $seen{USR1} - $before, ', pending: ', $pending->ismember(SIGUSR1), "\n";
sigprocmask(SIG_UNBLOCK, $set);
print 'after: ', $seen{USR1} - $before, "\n";
my $slept = eval { local $SIG{ALRM} = sub { die "woken\n" }; alarm 0.2; select undef, undef, undef, 10; 1 };
print 'alarm: ', $@;
my $stopped = fork;
unless ($stopped) { sleep 100; exit }
kill STOP => $stopped;
waitpid $stopped, WUNTRACED;
print 'stopped: ', WIFSTOPPED(${^CHILD_ERROR_NATIVE}) ? WSTOPSIG(${^CHILD_ERROR_NATIVE}) : 'no', "\n";
kill CONT => $stopped;
kill KILL => $stopped;
waitpid $stopped, 0;
print 'killed: ', $? & 127, ", children told of: ", ($seen{CHLD} > 0 ? 'yes' : 'no'), "\n";
{
    local $SIG{ALRM} = 'DEFAULT';
    my $child = fork;
    unless ($child) { setpgrp; alarm 0.1; sleep 100; exit }
    waitpid $child, 0;
    print 'by its alarm: ', $? & 127, "\n";
}

# Sockets of the Unix family.
socketpair my $one, my $two, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
$_->autoflush for $one, $two;
unless (fork) { close $one; while (<$two>) { print $two uc } exit 0 }
close $two;
print $one "words\n";
print 'echo: ', scalar <$one>;
shutdown $one, 1;
print 'at its end: ', (defined(<$one>) ? 'more' : 'nothing'), "\n";
wait;
socket my $server, AF_UNIX, SOCK_STREAM, 0;
bind $server, sockaddr_un('socket') or die;
listen $server, 5;
for my $number (1 .. 5) {
    next if fork;
    socket my $client, AF_UNIX, SOCK_STREAM, 0;
    connect $client, sockaddr_un('socket') or die;
    syswrite $client, "$number";
    exit 0;
}
my $select = IO::Select->new($server);
my ($told, $ended) = (0, 0);
while ($ended < 5) {
    for my $ready ($select->can_read(10)) {
        if ($ready == $server) { accept my $client, $server; $select->add($client) }
        elsif (sysread $ready, my $got, 10) { $told += $got }
        else { $select->remove($ready); close $ready; $ended++ }
    }
}
1 while wait != -1;
print "clients told: $told\n";
socket my $lonely, AF_UNIX, SOCK_STREAM, 0;
print 'nobody there: ', (connect($lonely, sockaddr_un('nothing')) ? 'connected' : $!), "\n";
socketpair(my $d1, my $d2, AF_UNIX, SOCK_DGRAM, PF_UNSPEC);
send $d1, $_, 0 for 'first', 'second';
recv $d2, my $got, 3, 0;
recv $d2, my $next, 100, 0;
print "datagrams: $got $next\n";

# Text and numbers.
my %count;
$count{length $_}++ for map { 'x' x (($_ * 7919) % 97) } 1 .. 50000;
print 'kinds: ', scalar keys %count, ', of length 5: ', $count{5}, "\n";
my @sorted = sort { $a <=> $b } map { ($_ * 7919) % 100003 } 1 .. 100000;
print "sorted: @sorted[0, 50000, 99999]\n";
my $long = join ' ', map { "word$_=" . $_ ** 2 } 1 .. 5000;
my $matches = () = $long =~ /\bword(\d*7)=(\d+)\b/g;
(my $changed = $long) =~ s/(\w+)=(\d+)/$2-$1/g;
print "matches: $matches, ", unpack('%32C*', $changed), "\n";
print 'recursive: ', ('((a)(b(c)))' =~ /^(\((?:[^()]++|(?1))*\))$/ ? 'balanced' : 'no'), "\n";
print 'letters: ', join(',', map { sprintf '%x', ord } "\x{e9}\x{20ac}" =~ /./g), ' ', length("\x{1f600}"), "\n";
print pack('w/a N n H*', 'text', 1, 2, 'beef') eq "\4text\0\0\0\1\0\2\xbe\xef" ? "packed\n" : "wrong\n";
printf "%.10g %e %b %o %s\n", 1 / 3, 12345.678, 10, 64, 2 ** 63;
print strftime('%Y-%m-%d %H:%M:%S %j %a', gmtime 1700000000), ' ', mktime(0, 0, 0, 1, 0, 70), "\n";
my $start = time;
usleep 50_000;
print 'slept: ', (time - $start >= 0.05 ? 'enough' : 'too short'), "\n";
print 'limits: ', (getpriority(0, 0)), ' ', (POSIX::sysconf(POSIX::_SC_PAGESIZE())), "\n";
print 'terminal: ', (-t STDIN ? 'yes' : 'no'), "\n";
print 'ends: ', join(' ', map { system('perl', '-e', $_); $? >> 8 || $? } 'exit 3', 'die "dies\n"', 'kill 9, $$'), "\n";
END
TZ=UTC perl all.pl 2>&1
# Threads, where perl has them (Debian's has).
perl -Mthreads -Mthreads::shared -e '
    my $count :shared = 0;
    my @threads = map { threads->create(sub { for (1 .. 500) { lock $count; $count++ } threads->tid }) } 1 .. 6;
    print join(" ", map { $_->join } @threads), " $count\n"'
# Its own programs.
perl -MDigest::SHA=sha256_hex -e 'print sha256_hex("x" x 1000000), "\n"'
perl -MStorable=freeze,thaw -MList::Util=sum,shuffle -e 'print sum(@{thaw(freeze([1 .. 1000]))}), " ", sum(shuffle 1 .. 100), "\n"'
perl -MMIME::Base64 -MCompress::Zlib -e 'print length(compress("a" x 100000)), " ", uncompress(compress("back")), "\n"'
perl -ne 'print if /^root/' /etc/passwd
printf 'b\na\n' >inplace && perl -pi.bak -e 's/a/z/' inplace && cat inplace inplace.bak
echo 'print "1..2\nok 1 - one\nok 2 - two\n"' >two.t && prove -v two.t 2>&1 | grep -v '^Files='

