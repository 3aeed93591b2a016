# A repository of 500 commits with fixed dates: its hashes, gc, fsck, and a clone.
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
git init -q -b main one
cd one
number=0
while [ $number -lt 500 ]; do
    number=$((number + 1))
    mkdir -p "d$((number % 7))"
    echo "line $number" >>"d$((number % 7))/file$((number % 31))"
    export GIT_AUTHOR_DATE="$((1700000000 + number * 60)) +0100" GIT_COMMITTER_DATE="$((1700000000 + number * 61)) +0000"
    git add .
    git commit -q -m "commit $number"
done
git log --format='%H %T %s' | sha1sum
git rev-parse HEAD
git checkout -q -b side HEAD~20
echo side >side
git add side
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git rev-parse HEAD
git tag -a -m tagged v1
git gc -q
git count-objects -v | grep -E '^(count|in-pack|packs|garbage)'
git fsck --strict --full 2>&1
git grep -c 'line 4' | sort | sha1sum
git blame d3/file17 | sha1sum
git diff HEAD~100 | sha1sum
git stash list; echo more >>side; git stash -q; git stash pop -q; git diff --stat
cd ..
git clone -q one two
git -C two fsck --strict
git -C two log --format=%H | sha1sum
git clone -q --bare "file://$PWD/one" three
git -C three rev-parse main v1
git -C three repack -a -d -q --threads=2 --depth=20 --window=20
git -C three fsck
git -C two archive HEAD | tar -t | sort | sha1sum
cd two
git rebase -q --onto HEAD~30 HEAD~10 2>&1
git rev-parse HEAD
git bisect start HEAD HEAD~64 >/dev/null 2>&1
git bisect run sh -c '[ $(git rev-list --count HEAD) -lt 450 ]' 2>&1 | grep 'is the first bad commit'
