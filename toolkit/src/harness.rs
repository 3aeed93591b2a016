//! Runs an app without a window system: events in, picture out, on a clock of the test's own.
//!
//! Widgets are found as a screen reader finds them, by role and label, so a test that can press a
//! button shows at the same time that a blind user can.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use accesskit::{Node as AccessNode, Role};
use ochre_raster::{Bitmap, Region};
use ochre_theme::{Preferences, Theme};

use crate::app::{App, Command, Context, WindowId, WindowKind, WindowSpec};
use crate::event::{Button, Event, Key, KeyEvent, Modifiers};
use crate::icons::Icons;
use crate::ui::{Resources, Ui};

/// An app with one of its windows, on a canvas.
pub struct Harness<A: App> {
    pub app: A,
    ui: Ui<A::Message>,
    window: WindowId,
    theme: Rc<Theme>,
    pub preferences: Preferences,
    picture: Bitmap,
    scale: f32,
    now: Duration,
    /// What the app asked for since the start.
    pub commands: Vec<Command>,
    /// Where the last frame was drawn.
    pub damage: Region,
}

impl<A: App> Harness<A> {
    /// Shows the app's first window at this logical size.
    pub fn new(app: A, theme: Theme, width: u32, height: u32, scale: f32) -> Option<Harness<A>> {
        let window = app.windows().into_iter().next()?;
        Harness::with_window(app, window, theme, (width, height), scale, Icons::new())
    }

    pub fn with_window(
        app: A,
        window: WindowSpec,
        theme: Theme,
        size: (u32, u32),
        scale: f32,
        icons: Icons,
    ) -> Option<Harness<A>> {
        let theme = Rc::new(theme);
        let resources = Resources::new(&theme, icons);
        let background = background(&window, &theme);
        let mut ui = Ui::new(resources, theme.clone(), background);
        ui.set_title(&window.title);
        let physical = |logical: u32| (logical as f32 * scale).round() as u32;
        let picture = Bitmap::new(physical(size.0), physical(size.1))?;
        ui.resize(picture.width(), picture.height(), scale);
        let mut harness = Harness {
            app,
            ui,
            window: window.id,
            theme,
            preferences: Preferences::default(),
            picture,
            scale,
            now: Duration::ZERO,
            commands: Vec::new(),
            damage: Region::new(),
        };
        harness.app.tick(&harness.preferences);
        harness.refresh();
        harness.settle();
        Some(harness)
    }

    fn refresh(&mut self) {
        self.ui
            .set_view(self.app.view(self.window, &self.theme, &self.preferences));
    }

    /// Draws one frame, `passed` after the last.
    pub fn frame(&mut self, passed: Duration) {
        self.now += passed;
        self.damage = self.ui.frame(self.now);
        self.ui.draw(&mut self.picture.canvas(), &self.damage);
    }

    /// Draws frames until nothing moves.
    pub fn settle(&mut self) {
        for _ in 0..100 {
            self.frame(Duration::from_millis(16));
            if !self.ui.is_stale() {
                return;
            }
        }
    }

    /// Delivers an event, updates the app, and lets everything settle.
    pub fn event(&mut self, event: Event) {
        let (messages, used) = self.ui.event(&event);
        let mut context = Context::new(self.theme.clone(), self.preferences.clone());
        if let (false, Event::KeyPressed(key)) = (used, &event) {
            self.app.key(self.window, key, &mut context);
        }
        for message in messages {
            self.app.update(message, &mut context);
        }
        self.commands.append(&mut context.commands);
        if self.ui.take_paste_request()
            && let Some(text) = self.copied()
        {
            self.event(Event::Pasted(text));
        }
        if let Some(text) = self.ui.take_copied() {
            self.commands.push(Command::Copy(text));
        }
        self.refresh();
        self.settle();
    }

    fn copied(&self) -> Option<String> {
        self.commands
            .iter()
            .rev()
            .find_map(|command| match command {
                Command::Copy(text) => Some(text.clone()),
                _ => None,
            })
    }

    /// The one node with this role and label.
    pub fn find(&self, role: Role, label: &str) -> Option<AccessNode> {
        let tree = self.ui.access_tree()?;
        let mut nodes = tree.nodes.into_iter().map(|(_, node)| node);
        nodes.find(|node| node.role() == role && node.label() == Some(label))
    }

    /// All labels of a role, in tree order.
    pub fn labels(&self, role: Role) -> Vec<String> {
        let tree = self.ui.access_tree();
        let nodes = tree.into_iter().flat_map(|tree| tree.nodes);
        nodes
            .filter(|(_, node)| node.role() == role)
            .filter_map(|(_, node)| node.label().map(str::to_owned))
            .collect()
    }

    /// The label of what has the keyboard.
    pub fn focused(&self) -> Option<String> {
        let tree = self.ui.access_tree()?;
        let (_, node) = tree.nodes.iter().find(|(id, _)| *id == tree.focus)?;
        node.label().map(str::to_owned)
    }

    /// Moves the pointer, in logical pixels.
    pub fn point(&mut self, x: f32, y: f32) {
        self.event(Event::PointerMoved { x, y });
    }

    /// Moves to the middle of what has this role and label; whether there is such.
    pub fn point_at(&mut self, role: Role, label: &str) -> bool {
        let bounds = self.find(role, label).and_then(|node| node.bounds());
        if let Some(bounds) = bounds {
            let middle = |a: f64, b: f64| ((a + b) / 2.0) as f32 / self.scale;
            self.point(middle(bounds.x0, bounds.x1), middle(bounds.y0, bounds.y1));
        }
        bounds.is_some()
    }

    /// Presses and releases the left button there.
    pub fn click(&mut self, role: Role, label: &str) -> bool {
        let found = self.point_at(role, label);
        if found {
            let time_ms = self.now.as_millis() as u32;
            self.event(Event::PointerPressed {
                button: Button::Left,
                time_ms,
            });
            self.event(Event::PointerReleased {
                button: Button::Left,
            });
        }
        found
    }

    pub fn press(&mut self, key: Key, modifiers: Modifiers) {
        let text = match key {
            Key::Character(letter) if !modifiers.control => letter.to_string(),
            _ => String::new(),
        };
        self.event(Event::KeyPressed(KeyEvent {
            key,
            modifiers,
            text,
            repeated: false,
        }));
    }

    pub fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.press(Key::Character(letter), Modifiers::default());
        }
    }

    /// Changes the theme as the desktop would.
    pub fn set_theme(&mut self, theme: Theme) {
        self.theme = Rc::new(theme);
        let spec = self
            .app
            .windows()
            .into_iter()
            .find(|spec| spec.id == self.window);
        let color = spec.map_or(self.theme.tokens.window, |spec| {
            background(&spec, &self.theme)
        });
        self.ui.set_theme(self.theme.clone(), color);
        self.refresh();
        self.settle();
    }

    pub fn picture(&self) -> &Bitmap {
        &self.picture
    }

    /// Writes what shows as a PNG.
    pub fn save(&self, path: impl AsRef<Path>) -> std::io::Result<()> {
        write_png(&self.picture, path.as_ref())
    }
}

/// What is behind a window's widgets.
pub(crate) fn background(spec: &WindowSpec, theme: &Theme) -> ochre_raster::Color {
    match (&spec.kind, spec.transparent) {
        (_, true) => ochre_raster::Color::TRANSPARENT,
        (WindowKind::Toplevel { .. }, false) => theme.tokens.window,
        (WindowKind::Layer(_), false) => theme.tokens.panel,
    }
}

/// Writes a bitmap with its alpha.
pub fn write_png(picture: &Bitmap, path: &Path) -> std::io::Result<()> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, picture.width() as u32, picture.height() as u32);
    encoder.set_color(png::ColorType::Rgba);
    let pixels = picture.pixels().iter();
    let bytes: Vec<u8> = pixels
        .flat_map(|pixel| ochre_raster::Color(*pixel).to_rgba())
        .collect();
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}
