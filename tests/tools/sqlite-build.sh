# sqlite's amalgamation and its shell, made of the source in /src by tclsh, gcc and make; then its checks.
set -e
cp -r /src/sqlite3-* source
mkdir build
cd build
../source/configure --disable-tcl --disable-readline >log 2>&1 || { tail -5 log; exit 1; }
make sqlite3.c shell.c >log 2>&1 || { tail -5 log; exit 1; }
grep -c . sqlite3.c shell.c
gcc -O0 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -I. -c sqlite3.c -o sqlite3.o &
gcc -O0 -I. -c shell.c -o shell.o
wait $!
gcc shell.o sqlite3.o -o sqlite3 -lm -lpthread -ldl
PATH=$PWD:$PATH sh /tests/sqlite.sh
