//! A client that floods the compositor with descriptors. It is alone in its process, whose descriptors it counts.

mod fixture;

use std::os::{fd::AsFd, unix::net::UnixStream};

use fixture::Fixture;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

#[test]
fn a_flood_of_descriptors_does_not_exhaust_ours() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "honest", (200, 100), true);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let (ours, theirs) = UnixStream::pair().unwrap();
    fixture.compositor.adopt(ours).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let descriptors = [null.as_fd(); 16];
    // Far more than one process may have; a sync each, with descriptors that no request asked for.
    for id in 2..2000u32 {
        let words = [1u32, 12 << 16, id];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let slice = [std::io::IoSlice::new(&bytes)];
        if sendmsg(&theirs, &slice, &mut control, SendFlags::NOSIGNAL).is_err() {
            fixture.turn();
        }
        fixture.turn();
    }
    assert!(
        open() < before + 1100,
        "{} descriptors are held",
        open() - before
    );
    drop(theirs);
    for _ in 0..3 {
        fixture.turn();
    }
    client.show(&mut fixture, &window, (200, 100), 0xff40_2080);
    assert!(client.error.is_none());
    assert_eq!(fixture.windows().len(), 1);
    assert!(open() < before + 8, "they are closed with the connection");
}
