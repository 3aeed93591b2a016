//! Clients that lie, crash, hang or flood: each is its own victim only.

mod fixture;

use std::{
    io::Write,
    os::{fd::AsFd, unix::net::UnixStream},
};

use fixture::{ClientSide, FRAME, Fixture, LITTLE};
use wayland_client::{
    Proxy, delegate_noop,
    protocol::{
        wl_compositor::WlCompositor,
        wl_seat::WlSeat,
        wl_shm::{self, WlShm},
        wl_subcompositor::WlSubcompositor,
        wl_subsurface::WlSubsurface,
    },
};
use wayland_protocols::xdg::{
    foreign::zv2::client::{
        zxdg_exported_v2::ZxdgExportedV2, zxdg_exporter_v2::ZxdgExporterV2,
        zxdg_imported_v2::ZxdgImportedV2, zxdg_importer_v2::ZxdgImporterV2,
    },
    shell::client::xdg_wm_base::XdgWmBase,
};

delegate_noop!(ClientSide: ignore WlSubcompositor);
delegate_noop!(ClientSide: ignore WlSubsurface);
delegate_noop!(ClientSide: ignore ZxdgExporterV2);
delegate_noop!(ClientSide: ignore ZxdgImporterV2);
delegate_noop!(ClientSide: ignore ZxdgImportedV2);
note_events!(ZxdgExportedV2);

/// More than anybody nests, and more than a stack holds.
const ABYSS: usize = 10_000;

/// A fixture with an honest client whose window must survive.
fn honest() -> (Fixture, fixture::Client, fixture::TestWindow) {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "honest", (200, 100), true);
    (fixture, client, window)
}

/// The honest client is still served.
fn assert_unharmed(
    fixture: &mut Fixture,
    client: &mut fixture::Client,
    window: &fixture::TestWindow,
) {
    client.show(fixture, window, (200, 100), 0xff40_2080);
    assert!(client.error.is_none());
    assert!(
        fixture
            .windows()
            .iter()
            .any(|window| window.title == "honest")
    );
}

#[test]
fn a_pool_truncated_after_attach_costs_its_client_only() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let victim = bad.window(&mut fixture, "bad");
    victim.xdg.ack_configure(bad.told(&victim).serial);
    let (buffer, file) = bad.buffer((300, 300), 0xffff_0000);
    victim.surface.attach(Some(&buffer), 0, 0);
    victim.surface.commit();
    file.set_len(0).unwrap();
    bad.roundtrip(&mut fixture);
    fixture.advance(FRAME); // only drawing touches the memory
    assert!(!bad.roundtrip(&mut fixture));
    assert_eq!(bad.error.unwrap().object_interface, "wl_buffer");
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_buffer_larger_than_its_pool_is_a_protocol_error() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let (_, file) = bad.buffer((10, 10), 0);
    let pool = bad
        .bind::<WlShm>(1)
        .create_pool(file.as_fd(), 400, &bad.handle, ());
    let argb = wl_shm::Format::Argb8888;
    pool.create_buffer(0, 1000, 1000, 4000, argb, &bad.handle, ());
    assert!(!bad.roundtrip(&mut fixture));
    assert!(bad.error.is_some());
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn giant_and_negative_numbers_are_survived() {
    let (mut fixture, mut client, window) = honest();
    for (x, y, w, h) in [
        (i32::MIN, i32::MIN, i32::MAX, i32::MAX),
        (i32::MAX, i32::MAX, i32::MAX, i32::MAX),
        (-5, -5, 1, 1),
        (0, 0, i32::MAX, 1),
    ] {
        let mut bad = fixture.client();
        let victim = bad.window(&mut fixture, "bad");
        victim.xdg.set_window_geometry(x, y, w, h);
        victim.toplevel.set_min_size(w, h);
        victim.surface.damage(x, y, w, h);
        victim.surface.damage_buffer(x, y, w, h);
        let region = bad.bind::<WlCompositor>(6).create_region(&bad.handle, ());
        region.add(x, y, w, h);
        victim.surface.set_opaque_region(Some(&region));
        victim.surface.set_input_region(Some(&region));
        let serial = bad.told(&victim).serial;
        victim.xdg.ack_configure(serial);
        let (buffer, _file) = bad.buffer((50, 50), 0xffff_0000);
        victim.surface.attach(Some(&buffer), 0, 0);
        victim.surface.commit();
        bad.roundtrip(&mut fixture);
        fixture.advance(FRAME);
        fixture.point(400, 300);
        bad.roundtrip(&mut fixture);
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_negative_size_is_a_protocol_error() {
    let (mut fixture, mut client, window) = honest();
    for (width, height) in [(i32::MIN, 273), (1, -1)] {
        let mut bad = fixture.client();
        let victim = bad.window(&mut fixture, "bad");
        victim.toplevel.set_max_size(width, height);
        assert!(!bad.roundtrip(&mut fixture));
        assert_eq!(bad.error.unwrap().object_interface, "xdg_toplevel");
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_popup_that_hangs_on_itself_is_a_protocol_error() {
    let (mut fixture, mut client, window) = honest();
    for in_a_round in [false, true] {
        let mut bad = fixture.client();
        let popup = bad.popup(None, (0, 0));
        popup.popup.destroy();
        let parent = if in_a_round {
            bad.popup(Some(&popup.xdg), (0, 0)).xdg
        } else {
            popup.xdg.clone()
        };
        let base = bad.bind::<XdgWmBase>(6);
        let positioner = base.create_positioner(&bad.handle, ());
        positioner.set_size(50, 50);
        positioner.set_anchor_rect(0, 0, 1, 1);
        let xdg = &popup.xdg;
        xdg.get_popup(Some(&parent), &positioner, &bad.handle, ());
        assert!(!bad.roundtrip(&mut fixture));
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn surfaces_nest_only_so_deep() {
    let (mut fixture, mut client, window) = honest();
    for inside_out in [false, true] {
        let mut bad = fixture.client();
        let compositor = bad.bind::<WlCompositor>(6);
        let shell = bad.bind::<WlSubcompositor>(1);
        let mut last = compositor.create_surface(&bad.handle, ());
        let depth = (1..ABYSS).find(|_| {
            let next = compositor.create_surface(&bad.handle, ());
            let (inner, outer) = if inside_out {
                (&last, &next)
            } else {
                (&next, &last)
            };
            shell.get_subsurface(inner, outer, &bad.handle, ());
            outer.commit();
            last = next;
            !bad.roundtrip(&mut fixture)
        });
        assert_eq!(depth, Some(64), "{inside_out}");
        assert_eq!(bad.error.unwrap().object_interface, "wl_subcompositor");
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn popups_nest_only_so_deep() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let parent = bad.window(&mut fixture, "parent");
    let mut last = parent.xdg.clone();
    let depth = (1..ABYSS).find(|_| {
        last = bad.popup(Some(&last), (0, 0)).xdg;
        !bad.roundtrip(&mut fixture)
    });
    assert_eq!(depth, Some(64));
    // Nor from the inside out.
    let mut bad = fixture.client();
    let compositor = bad.bind::<WlCompositor>(6);
    let base = bad.bind::<XdgWmBase>(6);
    let positioner = base.create_positioner(&bad.handle, ());
    positioner.set_size(50, 50);
    positioner.set_anchor_rect(0, 0, 1, 1);
    let outer = compositor.create_surface(&bad.handle, ());
    let outer = base.get_xdg_surface(&outer, &bad.handle, ());
    let first = outer.get_popup(None, &positioner, &bad.handle, ());
    bad.popup(Some(&outer), (0, 0));
    assert!(bad.roundtrip(&mut fixture));
    let parent = bad.window(&mut fixture, "parent");
    first.destroy();
    outer.get_popup(Some(&parent.xdg), &positioner, &bad.handle, ());
    assert!(!bad.roundtrip(&mut fixture));
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_window_is_not_its_own_parent() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let own = bad.window(&mut fixture, "own");
    let exporter = bad.bind::<ZxdgExporterV2>(1);
    exporter.export_toplevel(&own.surface, &bad.handle, ());
    bad.roundtrip(&mut fixture);
    let note = bad.state.notes.pop().unwrap();
    let handle = note.split('"').nth(1).unwrap().to_owned();
    let importer = bad.bind::<ZxdgImporterV2>(1);
    let imported = importer.import_toplevel(handle, &bad.handle, ());
    imported.set_parent_of(&own.surface);
    bad.roundtrip(&mut fixture);
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_long_chain_of_dialogs_is_raised_with_its_window() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let first = bad.window(&mut fixture, "first");
    let compositor = bad.bind::<WlCompositor>(6);
    let base = bad.bind::<XdgWmBase>(6);
    let mut last = first.toplevel.clone();
    for at in 0..ABYSS / 4 {
        let surface = compositor.create_surface(&bad.handle, ());
        let xdg = base.get_xdg_surface(&surface, &bad.handle, ());
        let dialog = xdg.get_toplevel(&bad.handle, xdg.clone());
        dialog.set_parent(Some(&last));
        last = dialog;
        if at % 50 == 0 {
            bad.roundtrip(&mut fixture);
        }
    }
    bad.show(&mut fixture, &first, (200, 100), 0xff80_0000);
    assert!(bad.error.is_none());
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_buffer_before_the_first_configure_is_a_protocol_error() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let surface = bad.bind::<WlCompositor>(6).create_surface(&bad.handle, ());
    let xdg = bad
        .bind::<XdgWmBase>(6)
        .get_xdg_surface(&surface, &bad.handle, ());
    let _toplevel = xdg.get_toplevel(&bad.handle, xdg.clone());
    let (buffer, _file) = bad.buffer((10, 10), 0);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    assert!(!bad.roundtrip(&mut fixture));
    assert_eq!(bad.error.unwrap().object_interface, "xdg_surface");
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_client_that_never_reads_is_not_waited_for() {
    let (mut fixture, mut client, window) = honest();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    fixture.compositor.adopt(ours).unwrap();
    theirs.set_nonblocking(true).unwrap();
    // wl_display.sync with ever new ids: each is answered, and nobody reads the answers.
    for id in 2..60_000u32 {
        let words = [1u32, 12 << 16, id];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        if theirs.write_all(&bytes).is_err() {
            fixture.turn();
        }
        if id % 1000 == 0 {
            fixture.turn();
        }
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn who_is_busy_for_a_while_is_kept_though_the_pointer_moves_over_it() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    client.shown(&mut fixture, "busy", (300, 200), false);
    let [x, y, ..] = fixture.windows()[0].content;
    for at in 0..10_000 {
        fixture.point(x + 10 + at % 100, y + 10);
    }
    assert!(client.roundtrip(&mut fixture));
    let moves = client.state.pointer.iter();
    let moves = moves.filter(|told| told.starts_with("Motion")).count();
    assert!(moves >= 9_999, "{moves}");
}

#[test]
fn garbage_ends_its_connection() {
    let (mut fixture, mut client, window) = honest();
    for message in [
        &[0u8; 64][..],
        &[0xff; 64],
        &[1, 0, 0, 0, 9, 0, 8, 0],
        &[1, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[1, 0, 0, 0, 1, 0, 12, 0, 1, 0, 0, 0],
        &[1, 0, 0, 0],
    ] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        fixture.compositor.adopt(ours).unwrap();
        theirs.write_all(message).unwrap();
        for _ in 0..3 {
            fixture.turn();
        }
        drop(theirs);
        fixture.turn();
    }
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn who_never_answers_is_told_no_more() {
    let (mut fixture, mut client, window) = honest();
    let mut bad = fixture.client();
    let deaf = bad.shown(&mut fixture, "deaf", (200, 100), true);
    bad.state.configures = 0;
    for _ in 0..300 {
        deaf.toplevel.set_maximized();
        deaf.toplevel.unset_maximized();
        deaf.toplevel.set_maximized();
        bad.roundtrip(&mut fixture);
    }
    let configures = bad.state.configures as usize;
    assert!(configures < LITTLE, "{configures}");
    let full = bad.told(&deaf).size;
    deaf.toplevel.unset_maximized();
    bad.roundtrip(&mut fixture);
    let before = bad.state.configures;
    // Who answers hears the rest, as one.
    deaf.xdg.ack_configure(bad.told(&deaf).serial);
    bad.roundtrip(&mut fixture);
    assert_eq!(bad.state.configures, before + 1);
    assert_eq!(bad.told(&deaf).size, (200, 100));
    assert_ne!(full, (200, 100));
    bad.show(&mut fixture, &deaf, (200, 100), 0xff00_00ff);
    deaf.toplevel.set_maximized();
    bad.roundtrip(&mut fixture);
    assert_eq!(bad.told(&deaf).size, full, "and is told at once again");
    assert_unharmed(&mut fixture, &mut client, &window);
}

#[test]
fn a_popup_is_placed_as_often_as_it_answers() {
    let (mut fixture, _client, _window) = honest();
    let mut bad = fixture.client();
    let parent = bad.shown(&mut fixture, "parent", (200, 100), true);
    let menu = bad.popup(Some(&parent.xdg), (0, 0));
    bad.show_popup(&mut fixture, &menu);
    bad.state.configures = 0;
    bad.state.notes.clear();
    let base = bad.bind::<XdgWmBase>(6);
    for token in 0..300 {
        let positioner = base.create_positioner(&bad.handle, ());
        positioner.set_size(50, 50);
        positioner.set_anchor_rect(0, 0, 1, 1);
        positioner.set_offset(token % 100, 0);
        menu.popup.reposition(&positioner, token.unsigned_abs());
        positioner.destroy();
        bad.roundtrip(&mut fixture);
    }
    let configures = bad.state.configures as usize;
    assert!(configures < LITTLE, "{configures}");
    bad.state.notes.clear();
    let serial = bad.state.toplevels[&menu.popup.id().protocol_id()].serial;
    menu.xdg.ack_configure(serial);
    bad.roundtrip(&mut fixture);
    let last = "Repositioned { token: 299 }".to_owned();
    assert_eq!(bad.state.notes[0], last);
}
