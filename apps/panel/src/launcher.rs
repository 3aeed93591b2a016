//! The launcher: a search field over a grid of apps.

use ochre_toolkit::widget::{
    Button, Container, Icon, Label, Look, Surface, TextField, Tone, divider,
};
use ochre_toolkit::{Align, Element, Justify, Padding, Weight};

use crate::Message;
use crate::entry::Entry;
use crate::icon::icon;

const WIDTH: f32 = 620.0;
const HEIGHT: f32 = 500.0;
const TILE: f32 = 112.0;

pub fn view(found: &[&Entry], query: &str) -> Element<Message> {
    let field = TextField::new("Search applications", query, Message::Search)
        .hint("Search applications")
        .icon("search")
        .large()
        .autofocus()
        .on_submit(Message::LaunchFirst);
    let search = Element::column([Element::new(field).key("search")]).padding(Padding {
        top: 18.0,
        right: 18.0,
        bottom: 16.0,
        left: 18.0,
    });
    let results = if found.is_empty() {
        nothing(query)
    } else {
        grid(found, query)
    };
    let card = Element::new(Container::new(Surface::Popover))
        .with_children([search.rigid(), divider(), results])
        .width(WIDTH)
        .height(HEIGHT);
    // Pressing beside the card closes it.
    let backdrop = Button::surface("Close launcher", Message::CloseLauncher).look(Look::Bare);
    Element::new(backdrop)
        .with_children([card])
        .padding(Padding {
            top: 12.0,
            right: 12.0,
            bottom: 12.0,
            left: 12.0,
        })
        .align(Align::End)
        .justify(Justify::Start)
        .fill_width()
        .fill_height()
}

fn grid(found: &[&Entry], query: &str) -> Element<Message> {
    let tiles = found.iter().enumerate().map(|(at, entry)| {
        // Enter starts the first: show which that is.
        let first = at == 0 && !query.is_empty();
        let button = Button::surface(entry.name.as_str(), Message::Launch(entry.id.clone()))
            .look(Look::Flat)
            .selected(first)
            .radius(12.0);
        let name = Label::new(entry.name.as_str())
            .single_line()
            .centred()
            .px(13.0);
        let content = Element::column([
            Element::new(icon(Some(entry), &entry.name, 52.0)).align_self(Align::Center),
            Element::new(name).fill_width(),
        ])
        .gap(9.0)
        .align(Align::Center)
        .width(TILE - 12.0);
        Element::new(button)
            .with_children([content])
            .padding(Padding {
                top: 14.0,
                right: 6.0,
                bottom: 11.0,
                left: 6.0,
            })
            .width(TILE)
            .key(entry.id.clone())
    });
    let rows = Element::row(tiles.collect::<Vec<_>>())
        .wrap()
        .gap(4.0)
        .align(Align::Start)
        .padding(Padding {
            top: 14.0,
            right: 14.0,
            bottom: 14.0,
            left: 18.0,
        });
    Element::column([rows]).scroll().grow(1.0)
}

fn nothing(query: &str) -> Element<Message> {
    Element::column([
        Element::new(Icon::new("search-x").tone(Tone::Muted).size(36.0)),
        Element::new(Label::large("Nothing found").weight(Weight::SemiBold)),
        Element::new(Label::new(format!("No application matches “{query}”.")).tone(Tone::Muted)),
    ])
    .gap(8.0)
    .align(Align::Center)
    .justify(Justify::Center)
    .grow(1.0)
}
