# Symbolic and hard links, chains, circles, and dangling ones.
echo text > a; ln a b; ln -s a c; ln -s missing d; ln -s e e
stat -c '%h' a; echo more >> b; cat a c; readlink c d; cat d; cat e
rm a; cat b; cat c; ls; stat -c '%F %s' c
mkdir t; ln -s t s; echo x > s/x; cat t/x; ls s/; rm s; ls t
ln -s ../links/b t/up; cat t/up; ln b t; ln b t; cp -a t u; readlink t/up
[ -L c ] && echo link; [ -e c ] || echo dangling; ln -sf b c; cat c; realpath t/up
