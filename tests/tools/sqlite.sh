# The sqlite3 on the PATH: WAL with several writers, checkpoints, mmap, full text, R-trees, a dump read back.
set -e
sqlite3 --version | cut -c1-19
sqlite3 db 'pragma journal_mode=wal; create table rows(id integer primary key, writer, turn, unique(writer, turn))'
writer() {
    {
        echo .timeout 60000
        turn=0
        while [ $turn -lt 300 ]; do
            turn=$((turn + 1))
            echo "begin immediate; insert into rows(writer, turn) values($1, $turn); commit;"
        done
    } | sqlite3 db 2>&1
}
writer 1 & one=$!
writer 2 & two=$!
writer 3 & three=$!
# Readers see no half of a transaction, and no fewer rows than before.
last=0
while [ $last -lt 900 ]; do
    now=$(sqlite3 -cmd '.timeout 60000' db 'select count(*) from rows')
    [ "$now" -ge $last ] || echo "fewer rows: $now after $last"
    last=$now
    kill -0 $one 2>/dev/null || kill -0 $two 2>/dev/null || kill -0 $three 2>/dev/null || break
done
wait $one $two $three
sqlite3 db 'select writer, count(*), sum(turn) from rows group by writer; pragma integrity_check'
sqlite3 db 'pragma wal_checkpoint(truncate)'
stat -c %s db-wal 2>/dev/null || echo no WAL is left

sqlite3 db 'pragma mmap_size=268435456' "
create table numbers(a integer, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
insert into numbers select (i * 7919) % 50021, printf('text %d of many', i) from n;
create index by_a on numbers(a);
select count(*), sum(a), min(a), max(a) from numbers;
select b from numbers where a between 100 and 104 order by a;
delete from numbers where a % 3 = 0;
vacuum;
select count(*) from numbers;
pragma integrity_check"
sqlite3 db "
create virtual table words using fts5(body);
insert into words select b from numbers limit 5000;
select count(*) from words where words match 'text';
select rowid, body from words where words match '\"4999 of\"' or words match '17*' limit 5;
create virtual table boxes using rtree(id, x0, x1, y0, y1);
insert into boxes select rowid, a % 100, a % 100 + 5, a / 100 % 100, a / 100 % 100 + 5 from numbers limit 5000;
select count(*), sum(id) from boxes where x0 >= 20 and x1 <= 40 and y0 >= 30 and y1 <= 60;
insert into words(words) values('integrity-check');
select rtreecheck('boxes')"

# One that dies in the midst of a transaction leaves nothing of it.
mkfifo feed
sqlite3 db <feed >/dev/null & writer=$!
exec 3>feed
echo 'pragma cache_size=10; begin immediate; delete from numbers; select 1;' >&3
sleep 2
kill -9 $writer
exec 3>&-
wait $writer || true
sqlite3 db 'select count(*) from numbers; pragma integrity_check'

sqlite3 db '.backup copy' && sqlite3 copy 'select count(*) from rows'
# The order in which the writers came is another one each time.
sqlite3 db 'create table ordered as select writer, turn from rows order by writer, turn; drop table rows'
sqlite3 db .dump >dump
sqlite3 other <dump
sqlite3 other .dump | cmp - dump && cksum <dump
for mode in delete truncate persist memory; do
    sqlite3 "$mode.db" "pragma journal_mode=$mode; create table t(x); insert into t values(1), (2); begin; delete from t; rollback; select count(*) from t"
done
sqlite3 -json db 'select writer, turn from ordered where turn = 7 order by writer'
