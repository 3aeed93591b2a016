//! An [`App`] as a [`Program`]: one [`Ui`] for each of its windows.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ochre_raster::{Canvas, Region};
use ochre_theme::{Preferences, Theme};

use crate::app::{App, Command, Context, Toplevel, WindowId, WindowSpec, Workspace};
use crate::event::{Cursor, Event};
use crate::harness::background;
use crate::icons::Icons;
use crate::shell::{Program, Requests};
use crate::ui::{Resources, Ui};

pub(super) struct Desktop<A: App> {
    app: A,
    uis: BTreeMap<WindowId, Ui<A::Message>>,
    resources: Rc<Resources>,
    theme: Rc<Theme>,
    preferences: Preferences,
}

impl<A: App> Desktop<A> {
    pub fn new(app: A, theme: Rc<Theme>, preferences: Preferences) -> Desktop<A> {
        let resources = Resources::new(&theme, Icons::new());
        let mut desktop = Desktop {
            app,
            uis: BTreeMap::new(),
            resources,
            theme,
            preferences,
        };
        desktop.refresh();
        desktop
    }

    /// Describes all windows anew.
    fn refresh(&mut self) {
        let specs = self.app.windows();
        self.uis
            .retain(|id, _| specs.iter().any(|spec| spec.id == *id));
        for spec in &specs {
            let ui = self.uis.entry(spec.id).or_insert_with(|| {
                let color = background(spec, &self.theme);
                Ui::new(self.resources.clone(), self.theme.clone(), color)
            });
            ui.set_title(&spec.title);
            ui.set_view(self.app.view(spec.id, &self.theme, &self.preferences));
        }
    }

    /// Lets the app act, then describes what came of it.
    fn act(&mut self, requests: &mut Requests, act: impl FnOnce(&mut A, &mut Context)) {
        let mut context = Context::new(self.theme.clone(), self.preferences.clone());
        act(&mut self.app, &mut context);
        requests.commands.append(&mut context.commands);
        self.refresh();
    }
}

impl<A: App> Program for Desktop<A> {
    fn windows(&self) -> Vec<WindowSpec> {
        self.app.windows()
    }

    fn event(&mut self, window: WindowId, event: &Event, requests: &mut Requests) {
        let Some(ui) = self.uis.get_mut(&window) else {
            return;
        };
        let (messages, used) = ui.event(event);
        if let Some(text) = ui.take_copied() {
            requests.commands.push(Command::Copy(text));
        }
        if ui.take_paste_request() {
            requests.paste = Some(window);
        }
        match event {
            Event::KeyPressed(key) if !used => {
                self.act(requests, |app, context| app.key(window, key, context));
            }
            Event::Focused(focused) => {
                self.act(requests, |app, context| {
                    app.focused(window, *focused, context)
                });
            }
            _ => {}
        }
        if !messages.is_empty() {
            self.act(requests, |app, context| {
                for message in messages {
                    app.update(message, context);
                }
            });
        }
    }

    fn resized(&mut self, window: WindowId, width: i32, height: i32, scale: f32) {
        if let Some(ui) = self.uis.get_mut(&window) {
            ui.resize(width, height, scale);
        }
        self.app
            .resized(window, width as f32 / scale, height as f32 / scale);
        self.refresh();
    }

    fn is_stale(&self, window: WindowId) -> bool {
        self.uis.get(&window).is_some_and(Ui::is_stale)
    }

    fn frame(&mut self, window: WindowId, now: Duration) -> Region {
        self.uis
            .get_mut(&window)
            .map(|ui| ui.frame(now))
            .unwrap_or_default()
    }

    fn draw(&mut self, window: WindowId, canvas: &mut Canvas, region: &Region) {
        if let Some(ui) = self.uis.get(&window) {
            ui.draw(canvas, region);
        }
    }

    fn cursor(&self, window: WindowId) -> Cursor {
        self.uis.get(&window).map(Ui::cursor).unwrap_or_default()
    }

    fn close_requested(&mut self, window: WindowId, requests: &mut Requests) {
        self.act(requests, |app, context| {
            app.close_requested(window, context)
        });
    }

    fn theme_changed(&mut self, theme: Rc<Theme>, preferences: &Preferences) {
        self.theme = theme;
        self.preferences = preferences.clone();
        for spec in self.app.windows() {
            if let Some(ui) = self.uis.get_mut(&spec.id) {
                ui.set_theme(self.theme.clone(), background(&spec, &self.theme));
            }
        }
        self.refresh();
    }

    fn tick(&mut self, _: &mut Requests) -> Option<Duration> {
        let next = self.app.tick(&self.preferences);
        self.refresh();
        next
    }

    fn sources(&self) -> Vec<OwnedFd> {
        self.app.sources()
    }

    fn ready(&mut self, source: usize, requests: &mut Requests) -> bool {
        let mut goes_on = false;
        self.act(requests, |app, context| {
            goes_on = app.ready(source, context)
        });
        goes_on
    }

    fn watches_toplevels(&self) -> bool {
        self.app.watches_toplevels()
    }

    fn toplevels_changed(&mut self, toplevels: &[Toplevel]) {
        self.app.toplevels_changed(toplevels);
        self.refresh();
    }

    fn workspaces_changed(&mut self, workspaces: &[Workspace]) {
        self.app.workspaces_changed(workspaces);
        self.refresh();
    }
}
