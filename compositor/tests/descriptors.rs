//! A compositor that has no descriptors left. It is this process that has none: one test only.

mod fixture;

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    time::Duration,
};

use fixture::Fixture;
use rustix::process::{Resource, getrlimit, setrlimit};

#[test]
fn who_connects_while_there_are_none_is_served_later() {
    let mut fixture = Fixture::new();
    let folder = std::env::temp_dir().join(format!("ochre-descriptors-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let name = fixture.compositor.listen(&folder, None).unwrap();
    let control = fixture.compositor.open_control(&folder).unwrap();
    let mut client = UnixStream::connect(folder.join(name)).unwrap();
    let mut script = UnixStream::connect(control).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    client.set_nonblocking(true).unwrap();
    script.set_nonblocking(true).unwrap();
    // wl_display.sync, and a question.
    let words = [1u32, 12 << 16, 2];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    client.write_all(&bytes).unwrap();
    script.write_all(b"{\"cmd\":\"windows\"}\n").unwrap();

    let usual = getrlimit(Resource::Nofile);
    let mut short = usual;
    let lowest = fs::File::open("/").unwrap().as_raw_fd();
    short.current = u64::try_from(lowest).ok();
    setrlimit(Resource::Nofile, short).unwrap();
    fixture.turn();
    setrlimit(Resource::Nofile, usual).unwrap();

    let mut served = |fixture: &mut Fixture| {
        let mut answer = [0; 256];
        for _ in 0..3 {
            fixture.turn();
        }
        [&mut client, &mut script].map(|stream| match stream.read(&mut answer) {
            Ok(count) => count > 0,
            Err(err) => {
                assert_eq!(err.kind(), ErrorKind::WouldBlock);
                false
            }
        })
    };
    assert_eq!(served(&mut fixture), [false; 2], "nobody listens");
    fixture.advance(Duration::from_secs(1));
    assert_eq!(served(&mut fixture), [true; 2]);
}
