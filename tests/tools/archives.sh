# /usr/share and Python's library packed, unpacked, and compared.
set -e
# Archives have whole seconds.
tree() { (cd "$1"; find . ! -type d -printf '%y %m %s %TF %TH:%TM %p %l\n' | sort | cksum); }
for folder in /usr/share /usr/lib/python3.11; do
    mkdir there
    tar -C $folder -cf - . | tar -C there -xpf -
    diff -r --no-dereference $folder there && echo "$folder is the same"
    [ "$(tree $folder)" = "$(tree there)" ] && echo 'and so are its modes and times'
    rm -r there
done
tar --sort=name --mtime=@0 --owner=0 --group=0 --exclude=test -C /usr/lib/python3.11 -cf small.tar .
tar --sort=name --mtime=@0 --owner=0 --group=0 -C /usr/share -cf large.tar .
for file in small large; do
    cksum $file.tar
    gzip -1 -n <$file.tar >$file.gz
    cksum $file.gz
    gzip -dc $file.gz | cmp - $file.tar && echo gzip
    zstd -q -3 -T2 <$file.tar >$file.zst
    cksum $file.zst
    zstd -q -dc $file.zst | cmp - $file.tar && echo zstd
    rm $file.gz $file.zst
done
xz -T2 -1 --block-size=2MiB <small.tar >small.xz
cksum small.xz
xz -dc -T2 small.xz | cmp - small.tar && echo xz
head -c 30000000 large.tar | xz -T2 -0 --block-size=4MiB | xz -dc | cmp -n 30000000 - large.tar && echo xz of a stream
tar -cJf twice.tar.xz small.xz && tar -xJOf twice.tar.xz | cmp - small.xz && echo tar and xz
