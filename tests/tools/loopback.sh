# Has Linux serve AF_INET by its loopback, which is down at first, and by its name. Ochre has neither.
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 1))' 2>/dev/null || true
[ -e /etc/hosts ] || echo '127.0.0.1 localhost' >/etc/hosts
