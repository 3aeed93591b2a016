//! One window's user interface, without a window system: events in, messages and damage out.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use accesskit::TreeUpdate;
use ochre_raster::{Canvas, Color, Rect, Region};
use ochre_theme::Theme;

use crate::access;
use crate::display::DisplayList;
use crate::element::Element;
use crate::event::{Button, Cursor, Event, Key, KeyEvent};
use crate::icons::Icons;
use crate::layout::lay_out;
use crate::paint::Painter;
use crate::text::{GlyphCache, Shaper};
use crate::tree::{Changes, Names, Node, NodeId};
use crate::widget::{Input, InputContext, MeasureContext};

/// What all windows of an app share: fonts, glyphs, icons.
pub struct Resources {
    pub(crate) shaper: RefCell<Shaper>,
    pub(crate) glyphs: RefCell<GlyphCache>,
    pub icons: Icons,
}

impl Resources {
    pub fn new(theme: &Theme, icons: Icons) -> Rc<Resources> {
        Rc::new(Resources {
            shaper: RefCell::new(Shaper::new(&theme.fonts.ui, &theme.fonts.mono)),
            glyphs: RefCell::new(GlyphCache::new()),
            icons,
        })
    }
}

/// Presses this close in time and place are one double click.
const DOUBLE_MS: u32 = 400;
const DOUBLE_PX: i32 = 5;

#[derive(Default)]
struct Clicks {
    time_ms: u32,
    x: i32,
    y: i32,
    count: u32,
}

/// A window's retained tree and what is going on in it.
pub struct Ui<M> {
    resources: Rc<Resources>,
    theme: Rc<Theme>,
    title: String,
    background: Color,
    width: i32,
    height: i32,
    scale: f32,
    root: Option<Node<M>>,
    names: Names,
    list: DisplayList,
    pointer: Option<(i32, i32)>,
    captured: Option<NodeId>,
    focus: Option<NodeId>,
    clicks: Clicks,
    clipboard: Option<String>,
    wants_paste: bool,
    needs_layout: bool,
    needs_paint: bool,
    all_damaged: bool,
    animating: bool,
    last_frame: Option<Duration>,
}

impl<M: 'static> Ui<M> {
    /// `background` shows where no widget paints; transparent windows give a transparent one.
    pub fn new(resources: Rc<Resources>, theme: Rc<Theme>, background: Color) -> Ui<M> {
        Ui {
            resources,
            theme,
            title: String::new(),
            background,
            width: 0,
            height: 0,
            scale: 1.0,
            root: None,
            names: Names::default(),
            list: DisplayList::default(),
            pointer: None,
            captured: None,
            focus: None,
            clicks: Clicks::default(),
            clipboard: None,
            wants_paste: false,
            needs_layout: true,
            needs_paint: true,
            all_damaged: true,
            animating: false,
            last_frame: None,
        }
    }

    pub fn set_title(&mut self, title: &str) {
        if self.title != title {
            title.clone_into(&mut self.title);
        }
    }

    /// Physical pixels, and how many of them a logical one has.
    pub fn resize(&mut self, width: i32, height: i32, scale: f32) {
        if (self.width, self.height, self.scale) != (width, height, scale) {
            (self.width, self.height, self.scale) = (width, height, scale);
            self.needs_layout = true;
            self.all_damaged = true;
        }
    }

    pub fn set_theme(&mut self, theme: Rc<Theme>, background: Color) {
        self.resources
            .shaper
            .borrow_mut()
            .set_families(&theme.fonts.ui, &theme.fonts.mono);
        self.theme = theme;
        self.background = background;
        self.needs_layout = true;
        self.all_damaged = true;
    }

    /// Makes `view` what the window shows.
    pub fn set_view(&mut self, view: Element<M>) {
        let mut changes = Changes::default();
        let root = Node::build(self.root.take(), view, &mut self.names, &mut changes);
        self.root = Some(root);
        self.needs_layout = true;
        let alive = |root: &Option<Node<M>>, id: Option<NodeId>| {
            id.filter(|id| root.as_ref().is_some_and(|root| root.find(*id).is_some()))
        };
        self.captured = alive(&self.root, self.captured);
        self.focus = alive(&self.root, self.focus);
        if let Some(id) = changes.autofocus {
            self.set_focus(Some(id), false);
        }
    }

    /// Tells the tree what happened. Returns the messages, and whether anything used the event.
    pub fn event(&mut self, event: &Event) -> (Vec<M>, bool) {
        let mut messages = Vec::new();
        let used = match event {
            Event::PointerMoved { x, y } => {
                let at = ((x * self.scale) as i32, (y * self.scale) as i32);
                self.pointer = Some(at);
                if let Some(id) = self.captured {
                    let drag = |rect: Rect| Input::Dragged {
                        x: (at.0 - rect.x) as f32,
                        y: (at.1 - rect.y) as f32,
                    };
                    self.send(id, drag, &mut messages);
                }
                true
            }
            Event::PointerLeft => {
                self.pointer = None;
                true
            }
            Event::PointerPressed {
                button: Button::Left,
                time_ms,
            } => self.pressed(*time_ms, &mut messages),
            Event::PointerReleased {
                button: Button::Left,
            } => self.released(&mut messages),
            Event::Scrolled { dy, .. } => self.scrolled(*dy),
            Event::KeyPressed(key) => self.key(key, &mut messages),
            Event::Pasted(text) => match self.focus {
                Some(id) => self.send(id, |_| Input::Pasted(text), &mut messages),
                None => false,
            },
            Event::Focused(false) => {
                self.captured = None;
                false
            }
            _ => false,
        };
        self.needs_paint = true;
        self.mark_pointer();
        (messages, used)
    }

    fn pressable(&self, at: (i32, i32)) -> Option<NodeId> {
        self.root
            .as_ref()?
            .hit(at.0, at.1, &|node| node.widget.presses())
    }

    /// Updates which node is under the pointer and which is pressed.
    fn mark_pointer(&mut self) {
        let under = self.pointer.and_then(|at| self.pressable(at));
        let (captured, focus) = (self.captured, self.focus);
        let Some(root) = &mut self.root else { return };
        root.visit_mut(&mut |node| {
            let here = under == Some(node.id);
            let held = captured == Some(node.id);
            node.state.hovered = if captured.is_some() { held } else { here };
            node.state.pressed = held && here;
            node.state.hover.aim(node.state.hovered);
            node.state.press.aim(node.state.pressed);
            node.state.focused = focus == Some(node.id);
            if !node.state.focused {
                node.state.focus_visible = false;
            }
        });
    }

    fn pressed(&mut self, time_ms: u32, messages: &mut Vec<M>) -> bool {
        let Some(at) = self.pointer else { return false };
        let near = (self.clicks.x - at.0).abs() <= DOUBLE_PX
            && (self.clicks.y - at.1).abs() <= DOUBLE_PX
            && time_ms.wrapping_sub(self.clicks.time_ms) <= DOUBLE_MS
            && self.clicks.count > 0;
        let count = if near { self.clicks.count % 3 + 1 } else { 1 };
        self.clicks = Clicks {
            time_ms,
            x: at.0,
            y: at.1,
            count,
        };
        let hit = self.pressable(at);
        self.captured = hit;
        let focus = hit.filter(|id| {
            self.root
                .as_ref()
                .and_then(|root| root.find(*id))
                .is_some_and(|n| n.widget.focuses())
        });
        self.set_focus(focus, false);
        let Some(id) = hit else { return false };
        let press = |rect: Rect| Input::Pressed {
            x: (at.0 - rect.x) as f32,
            y: (at.1 - rect.y) as f32,
            clicks: count,
        };
        self.send(id, press, messages);
        true
    }

    fn released(&mut self, messages: &mut Vec<M>) -> bool {
        let Some(id) = self.captured.take() else {
            return false;
        };
        let inside = self.pointer.and_then(|at| self.pressable(at)) == Some(id);
        self.send(id, |_| Input::Released { inside }, messages);
        true
    }

    fn scrolled(&mut self, dy: f32) -> bool {
        let Some((x, y)) = self.pointer else {
            return false;
        };
        let scale = self.scale;
        let Some(root) = &mut self.root else {
            return false;
        };
        let wanted = |node: &Node<M>| node.style.scrolls && node.state.scroll_most > 0;
        let Some(node) = root.hit(x, y, &wanted).and_then(|id| root.find_mut(id)) else {
            return false;
        };
        let before = node.state.scroll;
        let wished = before.saturating_add((dy * scale).round() as i32);
        node.state.scroll = wished.clamp(0, node.state.scroll_most);
        if node.state.scroll != before {
            self.needs_layout = true;
        }
        true
    }

    fn key(&mut self, key: &KeyEvent, messages: &mut Vec<M>) -> bool {
        if let Some(id) = self.focus
            && self.send(id, |_| Input::Key(key), messages)
        {
            return true;
        }
        match key.key {
            Key::Tab => {
                self.move_focus(!key.modifiers.shift);
                true
            }
            // In groups of buttons the arrows do what Tab does.
            Key::Up | Key::Left if self.focus.is_some() => {
                self.move_focus(false);
                true
            }
            Key::Down | Key::Right if self.focus.is_some() => {
                self.move_focus(true);
                true
            }
            _ => false,
        }
    }

    fn move_focus(&mut self, forwards: bool) {
        let mut order = Vec::new();
        if let Some(root) = &self.root {
            root.visit(&mut |node| {
                if node.widget.focuses() {
                    order.push(node.id);
                }
            });
        }
        if order.is_empty() {
            return;
        }
        let now = self
            .focus
            .and_then(|id| order.iter().position(|other| *other == id));
        let next = match (now, forwards) {
            (None, true) => 0,
            (None, false) => order.len() - 1,
            (Some(at), true) => (at + 1) % order.len(),
            (Some(at), false) => (at + order.len() - 1) % order.len(),
        };
        self.set_focus(Some(order[next]), true);
        self.scroll_to(order[next]);
    }

    fn set_focus(&mut self, focus: Option<NodeId>, visible: bool) {
        self.focus = focus;
        self.needs_paint = true;
        let Some(root) = &mut self.root else { return };
        root.visit_mut(&mut |node| {
            node.state.focused = focus == Some(node.id);
            node.state.focus_visible = node.state.focused && visible;
        });
    }

    /// Scrolls what is around the node until it shows.
    fn scroll_to(&mut self, id: NodeId) {
        let Some(root) = &mut self.root else { return };
        let Some(rect) = root.find(id).map(|node| node.rect) else {
            return;
        };
        let margin = (8.0 * self.scale) as i32;
        let mut moved = false;
        root.visit_mut(&mut |node| {
            if !node.style.scrolls || node.find(id).is_none() {
                return;
            }
            let state = &mut node.state;
            let above = node.rect.y + margin - rect.y;
            let below = rect.bottom() + margin - node.rect.bottom();
            let by = if above > 0 { -above } else { below.max(0) };
            let scroll = (state.scroll + by).clamp(0, state.scroll_most);
            moved |= scroll != state.scroll;
            state.scroll = scroll;
        });
        self.needs_layout |= moved;
    }

    fn send<'i>(
        &mut self,
        id: NodeId,
        input: impl FnOnce(Rect) -> Input<'i>,
        messages: &mut Vec<M>,
    ) -> bool {
        let Some(node) = self.root.as_mut().and_then(|root| root.find_mut(id)) else {
            return false;
        };
        let input = input(node.rect);
        let mut context = InputContext {
            theme: &self.theme,
            scale: self.scale,
            rect: node.rect,
            state: &mut node.state,
            resources: &self.resources,
            messages,
            clipboard: &mut self.clipboard,
            wants_paste: &mut self.wants_paste,
        };
        node.widget.input(&input, &mut context)
    }

    /// Brings everything up to date for the moment `now`; where the window must be drawn again.
    pub fn frame(&mut self, now: Duration) -> Region {
        let passed = self
            .last_frame
            .map_or(Duration::ZERO, |last| now.saturating_sub(last));
        // After a pause an animation begins now, not when the last frame was.
        let passed = if self.animating {
            passed
        } else {
            Duration::ZERO
        };
        self.last_frame = Some(now);
        let Some(root) = &mut self.root else {
            return Region::new();
        };
        if self.needs_layout {
            self.needs_layout = false;
            self.needs_paint = true;
            let context = MeasureContext {
                theme: &self.theme,
                scale: self.scale,
                resources: &self.resources,
            };
            // taffy fails only for nodes it doesn't know, and these were made a line above.
            if lay_out(root, self.width, self.height, &context).is_err() {
                return Region::new();
            }
        }
        self.mark_pointer();
        let reduced = self.theme.reduced_motion;
        let mut animating = false;
        let Some(root) = &mut self.root else {
            return Region::new();
        };
        root.visit_mut(&mut |node| {
            let state = &mut node.state;
            for anim in [&mut state.hover, &mut state.press, &mut state.on] {
                if !anim.settled() {
                    self.needs_paint = true;
                    animating |= anim.advance(passed, reduced);
                }
            }
        });
        self.animating = animating;
        if !self.needs_paint && !self.all_damaged {
            return Region::new();
        }
        self.needs_paint = false;
        let all = Rect::new(0, 0, self.width, self.height);
        let mut painter = Painter::new(&self.theme, self.scale, &self.resources, all);
        paint(root, &mut painter);
        let list = painter.list;
        let mut damage = if std::mem::take(&mut self.all_damaged) {
            Region::from(all)
        } else {
            list.damage_since(&self.list)
        };
        damage.intersect(all);
        self.list = list;
        damage
    }

    /// Whether another frame is due although nothing happens.
    pub fn animating(&self) -> bool {
        self.animating
    }

    /// Whether [`Ui::frame`] has something to do.
    pub fn is_stale(&self) -> bool {
        self.needs_layout || self.needs_paint || self.all_damaged || self.animating
    }

    /// Draws the window as of the last frame, within the region.
    pub fn draw(&self, canvas: &mut Canvas, region: &Region) {
        let mut glyphs = self.resources.glyphs.borrow_mut();
        self.list.draw(canvas, region, self.background, &mut glyphs);
    }

    /// The pointer's shape where it is now.
    pub fn cursor(&self) -> Cursor {
        let under = self
            .captured
            .or_else(|| self.pointer.and_then(|at| self.pressable(at)));
        let node = under.and_then(|id| self.root.as_ref()?.find(id));
        node.map_or(Cursor::Arrow, |node| node.widget.cursor())
    }

    /// What a widget copied, once.
    pub fn take_copied(&mut self) -> Option<String> {
        self.clipboard.take()
    }

    /// Whether a widget waits for [`Event::Pasted`], once.
    pub fn take_paste_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_paste)
    }

    /// The window for a screen reader.
    pub fn access_tree(&self) -> Option<TreeUpdate> {
        Some(access::describe(
            self.root.as_ref()?,
            &self.title,
            self.focus,
        ))
    }
}

fn paint<M>(node: &Node<M>, painter: &mut Painter) {
    node.widget.paint(node.rect, &node.state, painter);
    if !node.style.scrolls {
        for child in &node.children {
            paint(child, painter);
        }
        return;
    }
    // Within the line that may be around it.
    painter.push_clip(node.rect.inset(painter.px(painter.theme.metrics.border)));
    for child in &node.children {
        paint(child, painter);
    }
    paint_scrollbar(node, painter);
    painter.pop_clip();
}

/// Shows how much there is, and where one is in it.
fn paint_scrollbar<M>(node: &Node<M>, painter: &mut Painter) {
    let (rect, most) = (node.rect, node.state.scroll_most);
    if most <= 0 || rect.is_empty() {
        return;
    }
    let (width, gap) = (painter.px(5.0), painter.px(3.0));
    let room = rect.height - 2 * gap;
    let whole = i64::from(rect.height) + i64::from(most);
    let length =
        (i64::from(room) * i64::from(rect.height) / whole).max(i64::from(width) * 4) as i32;
    let way = i64::from(room - length) * i64::from(node.state.scroll) / i64::from(most);
    let bar = Rect::new(
        rect.right() - width - gap,
        rect.y + gap + way as i32,
        width,
        length,
    );
    let color = painter.theme.tokens.track_hover;
    painter.fill(bar, 5.0, color);
}
