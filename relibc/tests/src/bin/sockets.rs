//! TCP, UDP and Unix sockets, names of hosts, passing descriptors.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        stream.write_all(text.to_uppercase().as_bytes()).unwrap();
        peer.ip()
    });
    let mut stream = TcpStream::connect(("localhost", address.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    println!("{:?} {:?}", stream.nodelay(), stream.read_timeout());
    stream.write_all(b"over tcp").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    println!("{text} from {:?}", server.join().unwrap());
    println!(
        "{:?}",
        TcpStream::connect("127.0.0.1:1")
            .map_err(|error| error.kind())
            .map(|_| ())
    );

    let (a, b) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    a.send_to(b"datagram", b.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 100];
    let (size, from) = b.recv_from(&mut buffer).unwrap();
    println!("{:?} {}", &buffer[..size], from == a.local_addr().unwrap());
    b.set_nonblocking(true).unwrap();
    println!("{:?}", b.recv(&mut buffer).map_err(|error| error.kind()));

    let (mut left, mut right) = UnixStream::pair().unwrap();
    left.write_all(b"pair").unwrap();
    drop(left);
    let mut text = String::new();
    right.read_to_string(&mut text).unwrap();
    println!("{text}");
    let path = std::env::temp_dir().join(format!("relibc-socket-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    println!(
        "{:?}",
        client.peer_addr().unwrap().as_pathname() == Some(&path)
    );
    println!("{}", pass(&client, &accepted));
    std::fs::remove_file(&path).unwrap();
    let (a, b) = UnixDatagram::pair().unwrap();
    a.send(b"dgram").unwrap();
    println!("{}", b.recv(&mut buffer).unwrap());

    let mut found: Vec<SocketAddr> = ("127.0.0.1", 80).to_socket_addrs().unwrap().collect();
    found.extend(("::1", 443).to_socket_addrs().unwrap());
    println!("{found:?}");
    let local = ("localhost", 7).to_socket_addrs().unwrap();
    println!(
        "{}",
        local.clone().all(|address| address.ip().is_loopback()) && local.count() > 0
    );
    println!("{}", "256.1.1.1:x".to_socket_addrs().is_err());
    println!(
        "{:?}",
        "10.1.2.3:4"
            .parse::<SocketAddr>()
            .map(|a| a.ip() == Ipv4Addr::new(10, 1, 2, 3))
    );
}

/// Sends a pipe's end along with a byte, and reads what was written into the pipe.
fn pass(from: &UnixStream, to: &UnixStream) -> String {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"passed").unwrap();
    drop(writer);
    let fd = reader.as_raw_fd();
    let mut control = [0u64; 8];
    let mut byte = [1u8];
    // SAFETY: the message's parts are locals that outlive the calls.
    unsafe {
        let mut part = libc::iovec {
            iov_base: byte.as_mut_ptr().cast(),
            iov_len: 1,
        };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<i32>().write_unaligned(fd);
        assert_eq!(libc::sendmsg(from.as_raw_fd(), &raw const message, 0), 1);
        control = [0; 8];
        message.msg_controllen = size_of_val(&control) as _;
        assert_eq!(
            libc::recvmsg(to.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC),
            1
        );
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        let received = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
        assert!(received != fd);
        let mut text = [0u8; 16];
        let size = libc::read(received, text.as_mut_ptr().cast(), 16);
        libc::close(received);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        format!(
            "{} {}",
            String::from_utf8_lossy(&text[..size as usize]),
            rest.len()
        )
    }
}
