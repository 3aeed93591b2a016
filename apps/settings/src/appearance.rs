//! The appearance page: theme, accent, text size, motion, panel. Every choice takes effect at once.

use ochre_toolkit::theme::{Color, Preferences, Theme};
use ochre_toolkit::widget::{
    Button, Icon, Label, Look, Picture, Slider, Toggle, Tone, card, divider, segmented,
};
use ochre_toolkit::{Align, Element, Weight};

use crate::Message;
use crate::preview::{Preview, miniature};
use crate::row::{heading, setting};

/// Accents to choose from, besides the theme's own.
const ACCENTS: [(&str, u32); 8] = [
    ("Ochre", 0xc8791b),
    ("Terracotta", 0xc2502f),
    ("Rose", 0xbf3f6b),
    ("Plum", 0x8a4fa8),
    ("Indigo", 0x4f5fc4),
    ("Azure", 0x1f77b8),
    ("Teal", 0x0d8178),
    ("Moss", 0x5b7f2a),
];

/// A theme in small: three of them fill a row of the window at its first size.
const PREVIEW: (f32, f32) = (182.0, 110.0);

pub fn page(
    themes: &[(String, Preview)],
    theme: &Theme,
    preferences: &Preferences,
) -> Element<Message> {
    let mode = segmented([
        (
            "Light".to_owned(),
            Some("sun".to_owned()),
            !theme.is_dark(),
            Message::Dark(false),
        ),
        (
            "Dark".to_owned(),
            Some("moon".to_owned()),
            theme.is_dark(),
            Message::Dark(true),
        ),
    ])
    .width(208.0);
    let top = Element::row([Element::new(Label::display("Appearance")).grow(1.0), mode]);
    let explained = |scale: f32| format!("{:.0}%", scale * 100.0);
    let size = Element::row([
        Element::new(Icon::new("a-large-small").tone(Tone::Muted).size(20.0)),
        Element::new(
            Slider::new(
                "Text size",
                preferences.text_scale,
                (0.85, 1.45),
                0.15,
                Message::TextScale,
            )
            .marks(),
        )
        .width(190.0),
        Element::new(
            Label::new(explained(preferences.text_scale))
                .tone(Tone::Muted)
                .single_line(),
        )
        .width(62.0),
    ])
    .gap(12.0);
    let motion = Element::new(Toggle::new(
        "Reduce motion",
        preferences.reduced_motion,
        Message::ReducedMotion(!preferences.reduced_motion),
    ));
    let clock = Element::new(Toggle::new(
        "Clock",
        preferences.clock,
        Message::Clock(!preferences.clock),
    ));
    Element::column([
        top,
        heading("Theme"),
        gallery(themes, preferences),
        heading("Accent colour"),
        card([accents(theme, preferences)]),
        heading("Reading and motion"),
        card([
            setting("Text size", "Controls grow along with their text.", size),
            divider(),
            setting(
                "Reduce motion",
                "Changes happen at once, without being animated.",
                motion,
            ),
        ]),
        heading("Panel"),
        card([setting(
            "Clock",
            "Without it, the screen is drawn only when something happens.",
            clock,
        )]),
    ])
}

/// Every theme as a miniature with its name.
fn gallery(themes: &[(String, Preview)], preferences: &Preferences) -> Element<Message> {
    let tiles = themes.iter().map(|(id, preview)| {
        let chosen = *id == preferences.theme;
        let (theme, shown) = (preview.theme.clone(), preview.clone());
        let picture = Picture::new(PREVIEW.0, PREVIEW.1, move |rect, painter| {
            miniature(&shown, rect, painter);
        });
        let name = Label::new(theme.name.as_str()).weight(if chosen {
            Weight::SemiBold
        } else {
            Weight::Medium
        });
        let mut caption = vec![Element::new(name.single_line()).grow(1.0)];
        if chosen {
            caption.push(Element::new(
                Icon::new("check").tone(Tone::Accent).size(16.0),
            ));
        }
        let button = Button::surface(theme.name.as_str(), Message::Theme(id.clone()))
            .selected(chosen)
            .radius(12.0);
        let content = Element::column([
            Element::new(picture),
            Element::row(caption)
                .gap(6.0)
                .padding((0.0, 4.0))
                .min_height(20.0),
        ])
        .gap(8.0)
        .width(PREVIEW.0);
        Element::new(button)
            .with_children([content])
            .padding(8.0)
            .key(id.clone())
    });
    Element::row(tiles.collect::<Vec<_>>())
        .wrap()
        .gap(12.0)
        .align(Align::Start)
}

fn accents(theme: &Theme, preferences: &Preferences) -> Element<Message> {
    let own =
        Button::new("From theme", Message::Accent(None)).look(if preferences.accent.is_none() {
            Look::Primary
        } else {
            Look::Normal
        });
    let mut row = vec![Element::new(own)];
    row.extend(ACCENTS.iter().map(|(name, rgb)| {
        let color = Color::rgb(*rgb);
        let chosen = preferences.accent == Some(color);
        let (ring, mark) = (theme.tokens.text, Color::WHITE);
        let swatch = Picture::new(30.0, 30.0, move |rect, painter| {
            painter.fill(rect.inset(painter.px(2.0)), 30.0, color);
            if chosen {
                painter.outline(rect.inset(-painter.px(1.0)), 30.0, 2.0, ring);
                painter.symbol("check", 16.0, rect, mark);
            }
        });
        let button = Button::surface(*name, Message::Accent(Some(color))).radius(20.0);
        Element::new(button)
            .with_children([Element::new(swatch)])
            .padding(4.0)
    }));
    Element::row(row).gap(6.0).wrap().padding((14.0, 18.0))
}
