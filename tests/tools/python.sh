# python.sh MODULE [PATTERN [LEFT OUT ...]]: Python's own tests of a module, or those of it that fit a
# pattern, but for what is left out. Prints how each test ended, in the order of their names.
. /tests/hosts.sh
module=$1 pattern=$2
[ $# -lt 2 ] || shift
shift
for name; do
    shift
    set -- "$@" -i "$name"
done
python3 -m test -v --timeout 600 --junit-xml "$PWD/report.xml" ${pattern:+-m "$pattern"} "$@" "$module" >log 2>&1
cat log >&2
[ -s report.xml ] || { echo "$module did not come to its end"; exit 1; }
python3 - <<'END'
import re
from xml.etree import ElementTree
verdicts = {'skipped': 'skipped', 'failure': 'FAIL', 'error': 'ERROR', 'output': 'expected failure'}
lines = set()
for case in ElementTree.parse('report.xml').iter('testcase'):
    if case.get('name'):
        ends = [verdicts[child.tag] for child in case if child.tag in verdicts]
        lines.add(f"{case.get('name')} ... {(ends or ['ok'])[0]}")
# One whose part failed has no name there, but a heading in the log, as has what failed around tests.
with open('log', errors='replace') as log:
    for heading in re.finditer(r'^(FAIL|ERROR): \w+ \(([\w.]+)\)(.*)$', log.read(), re.MULTILINE):
        lines.add(f'{heading[2]} ... {heading[1]}' + re.sub('0x[0-9a-f]+', 'ADDRESS', heading[3]))
for line in sorted(lines):
    print(line)
END
