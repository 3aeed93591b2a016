# Directories: making, listing, moving, removing, and what is refused.
mkdir d d/e; mkdir d; mkdir x/y; mkdir -p x/y/z; ls -a d; find . | sort
rmdir d; echo "status $?"; touch d/e/f; mv d/e d/g; find d | sort
mv d x/y; find . | sort; rmdir x/y/z x; rm -r x; ls
mkdir -p a/b; cd a/b; pwd; cd ..; pwd; cd /; cd -
cd /tmp/directories; mv a a/b; cat a; touch a/; rm a; echo "status $?"; ls missing/
for i in $(seq 300); do : > a/file$i; done; ls a | wc -l; rm a/file*; ls a
