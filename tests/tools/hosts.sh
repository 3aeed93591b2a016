# Has the machine's own address by its name. No interface is up, on either kernel.
[ -e /etc/hosts ] || echo '127.0.0.1 localhost' >/etc/hosts
