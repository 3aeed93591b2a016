//! Clients that talk nonsense: messages formed well enough to reach every handler, and wrong in every
//! way that a message can be. Only the sender may suffer.
//!
//! `OCHRE_FUZZ_MESSAGES` sets how many messages, `OCHRE_FUZZ_SEED` where they start.

mod fixture;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{ErrorKind, IoSlice, Read},
    mem::MaybeUninit,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Mutex},
};

use fixture::{FRAME, Fixture, SIZE};
use ochre_compositor::{
    input::{InputEvent, PenReport, TabletId, TabletInfo, Tool},
    render::Extent,
};
use rustix::{
    fs::{MemfdFlags, memfd_create},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use wayland_client::{
    Proxy,
    backend::protocol::{ArgumentType, Interface},
    protocol as core,
};
use wayland_protocols::{ext, wp, xdg};
use wayland_protocols_wlr as wlr;

/// The interfaces of globals; those of their objects follow from them.
fn interfaces() -> Vec<&'static Interface> {
    vec![
        core::wl_compositor::WlCompositor::interface(),
        core::wl_subcompositor::WlSubcompositor::interface(),
        core::wl_shm::WlShm::interface(),
        core::wl_seat::WlSeat::interface(),
        core::wl_output::WlOutput::interface(),
        core::wl_data_device_manager::WlDataDeviceManager::interface(),
        xdg::shell::client::xdg_wm_base::XdgWmBase::interface(),
        xdg::decoration::zv1::client::zxdg_decoration_manager_v1::ZxdgDecorationManagerV1::interface(),
        xdg::dialog::v1::client::xdg_wm_dialog_v1::XdgWmDialogV1::interface(),
        xdg::activation::v1::client::xdg_activation_v1::XdgActivationV1::interface(),
        xdg::foreign::zv2::client::zxdg_exporter_v2::ZxdgExporterV2::interface(),
        xdg::foreign::zv2::client::zxdg_importer_v2::ZxdgImporterV2::interface(),
        xdg::system_bell::v1::client::xdg_system_bell_v1::XdgSystemBellV1::interface(),
        xdg::xdg_output::zv1::client::zxdg_output_manager_v1::ZxdgOutputManagerV1::interface(),
        wp::viewporter::client::wp_viewporter::WpViewporter::interface(),
        wp::presentation_time::client::wp_presentation::WpPresentation::interface(),
        wp::fractional_scale::v1::client::wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1::interface(),
        wp::linux_dmabuf::zv1::client::zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1::interface(),
        wp::fifo::v1::client::wp_fifo_manager_v1::WpFifoManagerV1::interface(),
        wp::commit_timing::v1::client::wp_commit_timing_manager_v1::WpCommitTimingManagerV1::interface(),
        wp::alpha_modifier::v1::client::wp_alpha_modifier_v1::WpAlphaModifierV1::interface(),
        wp::content_type::v1::client::wp_content_type_manager_v1::WpContentTypeManagerV1::interface(),
        wp::single_pixel_buffer::v1::client::wp_single_pixel_buffer_manager_v1::WpSinglePixelBufferManagerV1::interface(),
        wp::cursor_shape::v1::client::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1::interface(),
        wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::ZwpPointerConstraintsV1::interface(),
        wp::relative_pointer::zv1::client::zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1::interface(),
        wp::pointer_gestures::zv1::client::zwp_pointer_gestures_v1::ZwpPointerGesturesV1::interface(),
        wp::primary_selection::zv1::client::zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1::interface(),
        wp::idle_inhibit::zv1::client::zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1::interface(),
        wp::keyboard_shortcuts_inhibit::zv1::client::zwp_keyboard_shortcuts_inhibit_manager_v1::ZwpKeyboardShortcutsInhibitManagerV1::interface(),
        wp::tablet::zv2::client::zwp_tablet_manager_v2::ZwpTabletManagerV2::interface(),
        wp::text_input::zv3::client::zwp_text_input_manager_v3::ZwpTextInputManagerV3::interface(),
        wp::security_context::v1::client::wp_security_context_manager_v1::WpSecurityContextManagerV1::interface(),
        ext::idle_notify::v1::client::ext_idle_notifier_v1::ExtIdleNotifierV1::interface(),
        ext::session_lock::v1::client::ext_session_lock_manager_v1::ExtSessionLockManagerV1::interface(),
        ext::foreign_toplevel_list::v1::client::ext_foreign_toplevel_list_v1::ExtForeignToplevelListV1::interface(),
        ext::data_control::v1::client::ext_data_control_manager_v1::ExtDataControlManagerV1::interface(),
        ext::image_capture_source::v1::client::ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1::interface(),
        ext::image_copy_capture::v1::client::ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1::interface(),
        ext::workspace::v1::client::ext_workspace_manager_v1::ExtWorkspaceManagerV1::interface(),
        wlr::layer_shell::v1::client::zwlr_layer_shell_v1::ZwlrLayerShellV1::interface(),
        wlr::screencopy::v1::client::zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1::interface(),
        wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_manager_v1::ZwlrForeignToplevelManagerV1::interface(),
        wlr::data_control::v1::client::zwlr_data_control_manager_v1::ZwlrDataControlManagerV1::interface(),
        wlr::gamma_control::v1::client::zwlr_gamma_control_manager_v1::ZwlrGammaControlManagerV1::interface(),
        wlr::output_management::v1::client::zwlr_output_manager_v1::ZwlrOutputManagerV1::interface(),
        wlr::output_power_management::v1::client::zwlr_output_power_manager_v1::ZwlrOutputPowerManagerV1::interface(),
        wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1::interface(),
    ]
}

/// xorshift64*: the same messages for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() >> 32) as usize % most.max(1)
    }

    fn one_in(&mut self, chance: usize) -> bool {
        self.below(chance) == 0
    }

    /// A number that is often one that could be meant.
    fn number(&mut self) -> u32 {
        match self.below(10) {
            0..=3 => self.below(5) as u32,
            4..=6 => self.below(600) as u32,
            7 => {
                let odd = [u32::MAX, 1 << 31, i32::MAX as u32, 0xff00_0000, 0xffff_ff00];
                odd[self.below(odd.len())]
            }
            8 => 256 * self.below(64) as u32,
            _ => self.next() as u32,
        }
    }
}

/// A client that talks nonsense.
struct Nonsense {
    stream: UnixStream,
    /// What each object is, from id 3 on.
    objects: Vec<&'static Interface>,
    globals: Vec<(u32, &'static Interface, u32)>,
    heard: Vec<u8>,
}

impl Nonsense {
    fn new(fixture: &mut Fixture, interfaces: &[&'static Interface]) -> Self {
        let (ours, stream) = UnixStream::pair().unwrap();
        fixture.compositor.adopt(ours).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut new = Self {
            stream,
            objects: Vec::new(),
            globals: Vec::new(),
            heard: Vec::new(),
        };
        new.send(1, 2 + (12 << 16) - 1, &[2], &[]); // wl_display.get_registry
        fixture.turn();
        new.listen();
        new.learn(interfaces);
        assert!(new.globals.len() > 35, "{} globals", new.globals.len());
        new
    }

    fn send(&mut self, object: u32, head: u32, words: &[u32], files: &[&File]) -> bool {
        let message: Vec<u8> = [object, head]
            .iter()
            .chain(words)
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
        if !files.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&files));
        }
        let slices = [IoSlice::new(&message)];
        sendmsg(&self.stream, &slices, &mut control, SendFlags::NOSIGNAL)
            .is_ok_and(|sent| sent == message.len())
    }

    /// Takes what was sent; false once the connection is gone.
    fn listen(&mut self) -> bool {
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return false,
                Ok(length) => self.heard.extend_from_slice(&part[..length]),
                Err(err) if err.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    /// Reads the registry's events.
    fn learn(&mut self, interfaces: &[&'static Interface]) {
        let word = |at: usize| {
            let bytes = self.heard.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        let mut at = 0;
        while let (Some(2), Some(head)) = (word(at), word(at + 4)) {
            let (name, length) = (word(at + 8).unwrap(), word(at + 12).unwrap() as usize);
            let text = &self.heard[at + 16..at + 16 + length - 1];
            let version = word(at + 16 + length.next_multiple_of(4)).unwrap();
            let known = interfaces
                .iter()
                .find(|interface| interface.name.as_bytes() == text);
            self.globals
                .extend(known.map(|interface| (name, *interface, version)));
            at += (head >> 16) as usize;
        }
        self.heard.clear();
    }

    fn bind(&mut self, random: &mut Random) -> bool {
        let (name, interface, version) = self.globals[random.below(self.globals.len())];
        let mut words = vec![name];
        push_bytes(&mut words, format!("{}\0", interface.name).as_bytes());
        words.extend([version, self.next_id()]);
        self.objects.push(interface);
        let length = 8 + 4 * words.len() as u32;
        self.send(2, length << 16, &words, &[])
    }

    fn next_id(&self) -> u32 {
        3 + self.objects.len() as u32
    }

    /// An object of an interface, if there is one, or most often.
    fn object_of(&self, interface: Option<&Interface>, random: &mut Random) -> u32 {
        let right: Vec<usize> = (0..self.objects.len())
            .filter(|place| {
                interface.is_some_and(|wanted| wanted.name == self.objects[*place].name)
            })
            .collect();
        if right.is_empty() || random.one_in(100) {
            return random.below(self.objects.len() + 6) as u32;
        }
        // Rather a young one: old ones are often destroyed.
        let from = right.len().saturating_sub(3);
        let place = if random.one_in(4) {
            random.below(right.len())
        } else {
            from + random.below(right.len() - from)
        };
        3 + right[place] as u32
    }

    fn speak(&mut self, random: &mut Random, file: &File) -> bool {
        if self.objects.len() < 12 || random.one_in(8) {
            return self.bind(random);
        }
        let place = random.below(self.objects.len());
        let interface = self.objects[place];
        let object = 3 + place as u32;
        if interface.requests.is_empty() {
            return true;
        }
        let opcode = random.below(interface.requests.len());
        let request = &interface.requests[opcode];
        if request.is_destructor && !random.one_in(6) {
            return true;
        }
        let mut words = Vec::new();
        let mut files = Vec::new();
        let mut kinds = request.arg_interfaces.iter();
        for kind in request.signature {
            match kind {
                ArgumentType::Int | ArgumentType::Uint | ArgumentType::Fixed => {
                    words.push(random.number())
                }
                ArgumentType::Str(_) if random.one_in(40) => words.push(0), // null
                ArgumentType::Str(_) => push_bytes(&mut words, b"some text\0"),
                ArgumentType::Array => {
                    let bytes: Vec<u8> =
                        (0..random.below(20)).map(|_| random.next() as u8).collect();
                    push_bytes(&mut words, &bytes);
                }
                ArgumentType::Fd => files.push(file),
                ArgumentType::Object(_) => {
                    let interface = kinds.next().copied();
                    words.push(self.object_of(interface, random));
                }
                ArgumentType::NewId => {
                    words.push(self.next_id());
                    self.objects.extend(request.child_interface);
                }
            }
        }
        let length = 8 + 4 * words.len() as u32;
        let mut head = (length << 16) | opcode as u32;
        match random.below(400) {
            0 => head = (random.below(80) << 16) as u32 | opcode as u32, // a wrong size
            1 => head = (length << 16) | random.below(60) as u32,        // a wrong opcode
            2 => _ = words.pop(),                                        // the next message is torn
            3 => _ = files.pop(),
            4 => files.push(file),
            _ => {}
        }
        self.send(object, head, &words, &files)
    }
}

/// A length and as many bytes, padded.
fn push_bytes(words: &mut Vec<u32>, bytes: &[u8]) {
    words.push(bytes.len() as u32);
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    let chunks = padded.chunks_exact(4);
    words.extend(chunks.map(|chunk| u32::from_ne_bytes(chunk.try_into().unwrap())));
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// How much memory the process has, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

fn tablet_info() -> TabletInfo {
    TabletInfo {
        name: "tablet".into(),
        vendor: 1,
        product: 2,
        pressure: true,
        distance: false,
        tilt: true,
    }
}

/// A pen moves, touches or not, is pressed or let go, or leaves.
fn pen_about(fixture: &mut Fixture, random: &mut Random, tablet: TabletId, (x, y): (f64, f64)) {
    let tools = [Tool::Pen, Tool::Eraser];
    fixture.input(&[
        InputEvent::Pen(PenReport {
            tablet,
            tool: tools[usize::from(random.one_in(10))],
            x,
            y,
            touches: random.one_in(2),
            pressure: y,
            distance: 0.0,
            tilt: (x, y),
        }),
        InputEvent::PenButton {
            tablet,
            button: 0x14b + random.below(2) as u32,
            pressed: random.one_in(2),
        },
    ]);
    if random.one_in(3) {
        fixture.input(&[InputEvent::PenAway { tablet }]);
    }
}

/// What the allocator may keep for itself after most of the messages.
const MOST_GROWN: usize = 64 << 20;

#[test]
fn nonsense_costs_its_sender_only() {
    let messages = setting("OCHRE_FUZZ_MESSAGES", 20_000);
    let mut random = Random(setting("OCHRE_FUZZ_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let interfaces = interfaces();
    // The protocol library's own panics are caught; there must be no others.
    let panics = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = panics.clone();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |location| location.file());
        let libraries = [
            "/wayland-protocols",
            "/wayland-server-",
            "/wayland-backend-",
        ];
        if !libraries.iter().any(|library| file.contains(library)) {
            usual(info);
            noted.lock().unwrap().insert(info.to_string());
        }
    }));
    let mut fixture = Fixture::new();
    fixture.compositor.add_touch();
    let mut tablet = fixture.compositor.add_tablet(tablet_info());
    let mut honest = fixture.client();
    honest.shown(&mut fixture, "honest", (200, 100), true);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let mut speakers = 0u32;
    let mut said = 0;
    let mut settled = None;
    while said < messages {
        let mut speaker = Nonsense::new(&mut fixture, &interfaces);
        let file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).unwrap());
        file.set_len(1 << 20).unwrap();
        speakers += 1;
        // An error ends a connection soon; some go on for long.
        for turn in 0..2000 {
            said += 1;
            let sent = speaker.speak(&mut random, &file);
            if random.one_in(3) {
                fixture.turn();
            }
            if random.one_in(200) {
                file.set_len(random.below(1 << 20) as u64).unwrap();
            }
            if turn % 20 == 19 {
                fixture.advance(FRAME);
                fixture.point(random.below(800) as i32, random.below(600) as i32);
                fixture.press(random.one_in(2));
                fixture.tap(30);
                let finger = random.below(3) as u32;
                let (x, y) = (
                    random.below(100) as f64 / 100.0,
                    random.below(100) as f64 / 100.0,
                );
                fixture.input(&[
                    InputEvent::TouchUp { finger: 0 },
                    InputEvent::TouchDown { finger, x, y },
                    InputEvent::TouchMotion { finger, x: y, y: x },
                ]);
                pen_about(&mut fixture, &mut random, tablet, (x, y));
            }
            if !speaker.listen() || !sent {
                break;
            }
        }
        drop(speaker);
        fixture.turn();
        if random.one_in(8) {
            fixture.compositor.remove_tablet(tablet);
            tablet = fixture.compositor.add_tablet(tablet_info());
        }
        // A dead locker's lock would hide all that follows; displays may have any size now.
        fixture.compositor.shell.lock = None;
        fixture.compositor.show_workspace(0);
        let extent = Extent::new(SIZE.0, SIZE.1).unwrap();
        fixture.compositor.resize_headless(extent).unwrap();
        let displays = fixture.compositor.outputs.iter().map(|screen| screen.id);
        for display in displays.collect::<Vec<_>>() {
            fixture.compositor.power_output(display, true).unwrap();
        }
        if settled.is_none() && said >= messages / 4 {
            settled = Some(resident());
        }
        if speakers.is_multiple_of(64) {
            assert!(
                honest.roundtrip(&mut fixture),
                "the honest client is served"
            );
        }
    }
    fixture.press(false);
    assert!(honest.roundtrip(&mut fixture));
    assert!(honest.error.is_none());
    assert_eq!(fixture.windows().len(), 1);
    assert!(open() < before + 8, "descriptors: {before} then {}", open());
    let grown = resident().saturating_sub(settled.unwrap_or_default());
    assert!(grown < MOST_GROWN, "{} MiB are kept", grown >> 20);
    let _ = std::panic::take_hook();
    let panics = panics.lock().unwrap();
    assert!(panics.is_empty(), "{panics:#?}");
    eprintln!(
        "{said} messages of {speakers} clients; {} KiB more memory",
        grown >> 10
    );
}
