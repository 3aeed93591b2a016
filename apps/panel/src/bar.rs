//! The bar: launcher button, windows, workspaces, clock.

use ochre_toolkit::app::{Toplevel, Workspace};
use ochre_toolkit::raster::{Color, Rect};
use ochre_toolkit::widget::{Button, Container, Label, Look, Picture, Surface, Tone};
use ochre_toolkit::{Align, Element, Justify, Painter, Weight};

use crate::Message;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::icon::icon;

/// What the launcher's button, the clock and the space around them take of the bar's width.
const BESIDES: f32 = 160.0;
/// A window's button is not narrower than this if it shows a title.
const LEAST_TITLED: f32 = 104.0;

/// A workspace's dot, the one of the workspace that is shown, and from one to the next.
const DOT: f32 = 8.0;
const LONG: f32 = 22.0;
const STEP: f32 = 20.0;

/// The app of a window.
fn entry_of<'e>(entries: &'e [Entry], toplevel: &Toplevel) -> Option<&'e Entry> {
    let id = toplevel.app_id.as_str();
    entries.iter().find(|entry| entry.id == id).or_else(|| {
        let program = |entry: &&Entry| entry.command.first().is_some_and(|word| word == id);
        entries.iter().find(program)
    })
}

/// Ochre's mark: two dunes under a sun.
fn mark(rect: Rect, painter: &mut Painter) {
    let (accent, ink) = (
        painter.theme.tokens.accent,
        painter.theme.tokens.text_on_accent,
    );
    painter.fill(rect, 9.0, accent);
    painter.symbol("mountain", 18.0, rect, ink);
}

pub fn view(
    toplevels: &[Toplevel],
    workspaces: &[Workspace],
    entries: &[Entry],
    clock: Option<&Clock>,
    open: bool,
    width: f32,
) -> Element<Message> {
    // A title of which nothing can be read is only in the way.
    let besides = BESIDES + workspaces.len() as f32 * STEP;
    let room = (width - besides) / toplevels.len().max(1) as f32;
    let titled = room >= LEAST_TITLED;
    let launcher = Button::surface("Applications", Message::ToggleLauncher)
        .look(Look::Flat)
        .selected(open)
        .radius(10.0);
    let launcher = Element::new(launcher)
        .with_children([Element::new(Picture::new(32.0, 32.0, mark))])
        .padding(4.0);
    let windows = toplevels
        .iter()
        .map(|toplevel| window(toplevel, entry_of(entries, toplevel), titled));
    let time = clock.map(|clock| {
        Element::column([
            Element::new(Label::new(clock.time.as_str()).weight(Weight::SemiBold)),
            Element::new(Label::small(clock.date.as_str()).px(11.5)),
        ])
        .align(Align::End)
        .rigid()
    });
    let mut content = vec![
        launcher,
        Element::row(windows.collect::<Vec<_>>()).gap(4.0).grow(1.0),
        switcher(workspaces),
    ];
    content.extend(time);
    let content = Element::row(content)
        .gap(8.0)
        .padding(ochre_toolkit::Padding {
            top: 3.0,
            right: 16.0,
            bottom: 4.0,
            left: 8.0,
        })
        .grow(1.0);
    let line = Element::new(Container::new(Surface::Divider))
        .height(1.0)
        .rigid();
    Element::new(Container::new(Surface::Panel)).with_children([line, content])
}

/// A dot for each workspace, a long one for the one that is shown.
fn switcher(workspaces: &[Workspace]) -> Element<Message> {
    // A single one is nothing to choose from.
    let several = workspaces.iter().filter(|_| workspaces.len() > 1);
    let dots = several.enumerate().map(|(place, workspace)| {
        let active = workspace.active;
        let dot = Picture::new(
            if active { LONG } else { DOT },
            DOT,
            move |rect, painter| {
                let tokens = &painter.theme.tokens;
                let color = if active {
                    tokens.accent
                } else {
                    tokens.text_muted
                };
                painter.fill(rect, DOT / 2.0, color);
            },
        );
        let name = match workspace.name.as_str() {
            "" => (place + 1).to_string(),
            name => name.to_owned(),
        };
        let label = format!("Workspace {name}");
        let button = Button::surface(label, Message::Workspace(workspace.id))
            .look(Look::Flat)
            .radius(8.0);
        Element::new(button)
            .with_children([Element::new(dot)])
            .align(Align::Center)
            .justify(Justify::Center)
            .height(32.0)
            .width(if active { LONG + STEP - DOT } else { STEP })
            .rigid()
            .key(workspace.id.to_string())
    });
    Element::row(dots.collect::<Vec<_>>())
        .align(Align::Center)
        .rigid()
}

/// A window's button: its app, its title, and a line under the active one.
fn window(toplevel: &Toplevel, entry: Option<&Entry>, titled: bool) -> Element<Message> {
    let title = if toplevel.title.is_empty() {
        entry.map_or(toplevel.app_id.as_str(), |entry| entry.name.as_str())
    } else {
        toplevel.title.as_str()
    };
    let (active, minimized) = (toplevel.active, toplevel.minimized);
    let tone = if minimized { Tone::Muted } else { Tone::Normal };
    let weight = if active {
        Weight::Medium
    } else {
        Weight::Regular
    };
    let under = Picture::new(18.0, 3.0, move |rect, painter| {
        let tokens = &painter.theme.tokens;
        let color = match (active, minimized) {
            (true, _) => tokens.accent,
            (false, true) => Color::TRANSPARENT,
            (false, false) => tokens.track,
        };
        painter.fill(rect, 2.0, color);
    });
    let mut row = vec![Element::new(icon(entry, title, 22.0))];
    if titled {
        let label = Label::new(title).single_line().tone(tone).weight(weight);
        row.push(Element::new(label).grow(1.0));
    }
    let row = Element::row(row).gap(9.0).grow(1.0);
    let (sides, widest): (_, f32) = if titled {
        ((12.0, 10.0), 200.0)
    } else {
        ((11.0, 11.0), 44.0)
    };
    let button = Button::surface(title, Message::Window(toplevel.id))
        .look(Look::Flat)
        .radius(9.0);
    Element::new(button.selected(active))
        .with_children([Element::column([
            row,
            Element::row([Element::new(under)]).justify(ochre_toolkit::Justify::Center),
        ])
        .grow(1.0)
        .fill_height()])
        .padding(ochre_toolkit::Padding {
            top: 4.0,
            right: sides.0,
            bottom: 1.0,
            left: sides.1,
        })
        .height(40.0)
        .min_width(widest.min(48.0))
        .max_width(widest)
        .basis(widest)
        .key(toplevel.id.to_string())
}
