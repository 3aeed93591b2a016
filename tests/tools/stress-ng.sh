# stress-ng.sh FROM TO: its stressors of the class `os` in this part of the alphabet, two of each.
# stress-ng.sh apart: those that root is not let run, as nobody; and some that it wants to be asked for.
# Prints how each ended.
. /tests/hosts.sh
mkdir -p work
chmod 1777 work

# run NAME NUMBER [OPTION ...]: runs a stressor, by what $as says.
run() {
    stressor=$1 number=$2
    shift 2
    $as timeout -k 5 120 stress-ng --temp-path work --"$stressor" $number --timeout 2s --verify --oomable "$@" >log 2>&1
    status=$?
    { echo "== $stressor: $status"; cat log; } >&2
    case $status in
        0) verdict=passed ;;
        3 | 4) verdict=skipped ;;
        124 | 137) verdict='did not end' ;;
        *) verdict="failed ($status)" ;;
    esac
    # What is skipped by all its instances ends well, as does one that complains of some of its tests.
    grep -q "skipp\|No stress workers invoked" log && verdict=skipped
    grep -q '^stress-ng: fail:' log && verdict="$verdict, with complaints"
    echo "$stressor $verdict"
    rm -rf work/*
}

as=
if [ "$1" = apart ]; then
    for stressor in mlockmany oom-pipe sysinval; do run $stressor 1 --pathological; done
    as='setpriv --reuid 65534 --regid 65534 --clear-groups'
    for stressor in bad-ioctl exec spawn; do run $stressor 2 --pathological; done
    exit 0
fi
for stressor in $(stress-ng --class 'os?' | sed 's/.*stressors: //'); do
    case $stressor in [$1-$2]*) ;; *) continue ;; esac
    # Two of these end processes by numbers that stood in their memory before: small ones, as this shell's.
    [ $stressor = resources ] && number=1 || number=2
    run $stressor $number
done
