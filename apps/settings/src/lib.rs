//! Settings: how the desktop looks, and what machine this is.

#![forbid(unsafe_code)]

mod about;
mod appearance;
mod preview;
mod row;

use ochre_toolkit::app::{Command, Context};
use ochre_toolkit::theme::{Color, Contrast, Preferences, Store, Theme, counterpart};
use ochre_toolkit::widget::{Button, Container, Label, Look, Surface};
use ochre_toolkit::{App, Element, Padding, WindowId, WindowKind, WindowSpec};

use crate::about::Facts;
use crate::preview::Preview;

/// A page of the sidebar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Appearance,
    About,
}

#[derive(Clone, Debug)]
pub enum Message {
    Show(Page),
    Theme(String),
    /// Light or dark.
    Dark(bool),
    Accent(Option<Color>),
    TextScale(f32),
    ReducedMotion(bool),
    /// Whether the panel tells the time.
    Clock(bool),
}

/// The app.
pub struct Settings {
    page: Page,
    /// Every theme that compiles, by id.
    themes: Vec<(String, Preview)>,
    facts: Facts,
}

impl Settings {
    pub fn new() -> Settings {
        Settings::with_store(&Store::new())
    }

    /// With the themes of this store.
    pub fn with_store(store: &Store) -> Settings {
        let plain = Preferences::default();
        let mut themes: Vec<(String, Preview)> = store
            .list()
            .into_iter()
            .filter_map(|entry| Some((store.load(&entry.id, &plain).ok()?, entry.id)))
            .map(|(theme, id)| (id, Preview::new(theme)))
            .collect();
        // Ochre's own first, those of high contrast last; light before dark.
        themes.sort_by_key(|(id, preview)| {
            let family = id.trim_end_matches("-light").trim_end_matches("-dark");
            let high = preview.theme.contrast == Contrast::High;
            (
                high,
                family != "ochre",
                family.to_owned(),
                preview.theme.is_dark(),
            )
        });
        Settings {
            page: Page::Appearance,
            themes,
            facts: Facts::gather(),
        }
    }

    /// With fixed facts, for pictures that must come out the same everywhere.
    pub fn with_facts(mut self, facts: Vec<(String, String)>) -> Settings {
        self.facts = Facts::fixed(facts);
        self
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::new()
    }
}

const WINDOW: WindowId = WindowId(0);

impl App for Settings {
    type Message = Message;

    fn windows(&self) -> Vec<WindowSpec> {
        vec![WindowSpec {
            id: WINDOW,
            title: "Settings".to_owned(),
            kind: WindowKind::Toplevel {
                app_id: "org.ochre.Settings".to_owned(),
                width: 880,
                height: 640,
                min_width: 640,
                min_height: 420,
            },
            transparent: false,
        }]
    }

    fn update(&mut self, message: Message, context: &mut Context) {
        let mut wished = context.preferences.clone();
        match message {
            Message::Show(page) => {
                self.page = page;
                self.facts.refresh();
                return;
            }
            Message::Theme(id) => {
                wished.theme = id;
                wished.accent = None;
            }
            Message::Dark(dark) => {
                let is_dark = wished.theme.ends_with("-dark");
                if is_dark == dark {
                    return;
                }
                let known = |id: &String| self.themes.iter().any(|(other, _)| other == id);
                let usual = if dark { "ochre-dark" } else { "ochre-light" };
                wished.theme = counterpart(&wished.theme)
                    .filter(known)
                    .unwrap_or_else(|| usual.to_owned());
            }
            Message::Accent(accent) => wished.accent = accent,
            Message::TextScale(scale) => wished.text_scale = scale,
            Message::ReducedMotion(reduced) => wished.reduced_motion = reduced,
            Message::Clock(shown) => wished.clock = shown,
        }
        context.ask(Command::SetPreferences(wished));
    }

    fn view(&self, _: WindowId, theme: &Theme, preferences: &Preferences) -> Element<Message> {
        let page = match self.page {
            Page::Appearance => appearance::page(&self.themes, theme, preferences),
            Page::About => about::page(&self.facts),
        };
        let content = Element::column([page])
            .padding(Padding {
                top: 28.0,
                right: 28.0,
                bottom: 36.0,
                left: 28.0,
            })
            .max_width(760.0)
            .fill_width()
            .align_self(ochre_toolkit::Align::Center);
        let scrolled = Element::column([content]).scroll().grow(1.0).fill_height();
        Element::row([self.sidebar(), scrolled.key(format!("{:?}", self.page))])
            .align(ochre_toolkit::Align::Stretch)
    }
}

impl Settings {
    fn sidebar(&self) -> Element<Message> {
        let entry = |page: Page, icon: &str, label: &str| {
            let button = Button::new(label, Message::Show(page))
                .icon(icon)
                .look(Look::Row);
            Element::new(button.selected(self.page == page))
        };
        let heading =
            Element::new(Label::large("Settings").weight(ochre_toolkit::Weight::SemiBold));
        let list = Element::column([
            entry(Page::Appearance, "palette", "Appearance"),
            entry(Page::About, "info", "About"),
        ])
        .gap(2.0);
        let heading = Element::column([heading]).padding(Padding {
            top: 10.0,
            right: 12.0,
            bottom: 12.0,
            left: 12.0,
        });
        Element::new(Container::new(Surface::Sidebar))
            .with_children([heading, list])
            .padding(12.0)
            .width(204.0)
    }
}
