//! A line of text to edit: caret, selection, clipboard.
//!
//! The app owns the value and hears of each change; while the field has the focus, the node keeps what
//! was typed, so that a `view` that comes late loses no letter.

use accesskit::{Action, Node, Role};
use ochre_raster::Rect;

use crate::event::{Cursor, Key, KeyEvent};
use crate::paint::Painter;
use crate::text::TextSpec;
use crate::widget::{Input, InputContext, MeasureContext, Room, State, Widget, labelled};

pub struct TextField<M> {
    label: String,
    value: String,
    hint: String,
    icon: Option<String>,
    autofocus: bool,
    large: bool,
    on_change: Box<dyn Fn(String) -> M>,
    on_submit: Option<M>,
}

impl<M> TextField<M> {
    pub fn new(
        label: impl Into<String>,
        value: impl Into<String>,
        on_change: impl Fn(String) -> M + 'static,
    ) -> TextField<M> {
        TextField {
            label: label.into(),
            value: value.into(),
            hint: String::new(),
            icon: None,
            autofocus: false,
            large: false,
            on_change: Box::new(on_change),
            on_submit: None,
        }
    }

    /// Shown while it is empty.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> TextField<M> {
        self.hint = hint.into();
        self
    }

    #[must_use]
    pub fn icon(mut self, icon: impl Into<String>) -> TextField<M> {
        self.icon = Some(icon.into());
        self
    }

    #[must_use]
    pub fn autofocus(mut self) -> TextField<M> {
        self.autofocus = true;
        self
    }

    #[must_use]
    pub fn large(mut self) -> TextField<M> {
        self.large = true;
        self
    }

    /// Sent on Enter.
    #[must_use]
    pub fn on_submit(mut self, message: M) -> TextField<M> {
        self.on_submit = Some(message);
        self
    }
}

/// A line being edited. Both ends of the selection are byte indices on letter boundaries of `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    text: String,
    anchor: usize,
    caret: usize,
    /// How far the line is scrolled, in physical pixels.
    scroll: i32,
}

/// Lines longer than this are cut: a paste must not make every frame slow.
const LONGEST: usize = 8 * 1024;

impl Edit {
    fn of(text: &str) -> Edit {
        Edit {
            text: text.to_owned(),
            anchor: text.len(),
            caret: text.len(),
            scroll: 0,
        }
    }

    fn selection(&self) -> (usize, usize) {
        (self.anchor.min(self.caret), self.anchor.max(self.caret))
    }

    fn selected(&self) -> &str {
        let (from, to) = self.selection();
        self.text.get(from..to).unwrap_or("")
    }

    fn insert(&mut self, text: &str) {
        let clean: String = text.chars().filter(|letter| !letter.is_control()).collect();
        let (from, to) = self.selection();
        if self.text.len() - (to - from) + clean.len() > LONGEST {
            return;
        }
        self.text.replace_range(from..to, &clean);
        self.move_to(from + clean.len(), false);
    }

    fn move_to(&mut self, index: usize, keep_anchor: bool) {
        self.caret = index.min(self.text.len());
        if !keep_anchor {
            self.anchor = self.caret;
        }
    }

    fn before(&self, word: bool) -> usize {
        let rest = &self.text[..self.caret];
        if word {
            return word_start(rest.trim_end());
        }
        rest.char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self, word: bool) -> usize {
        let rest = &self.text[self.caret..];
        if word {
            let start = rest.len() - rest.trim_start().len();
            let end = rest[start..].find(char::is_whitespace);
            return self.caret + end.map_or(rest.len(), |end| start + end);
        }
        rest.chars()
            .next()
            .map_or(self.caret, |letter| self.caret + letter.len_utf8())
    }

    fn delete(&mut self, to: usize) {
        if self.anchor == self.caret {
            self.anchor = to;
        }
        self.insert("");
    }

    /// A key that moves or edits; whether it was one.
    fn key(&mut self, key: &KeyEvent) -> bool {
        let (shift, word) = (key.modifiers.shift, key.modifiers.control);
        match key.key {
            Key::Left if !shift && self.anchor != self.caret => {
                self.move_to(self.selection().0, false);
            }
            Key::Right if !shift && self.anchor != self.caret => {
                self.move_to(self.selection().1, false);
            }
            Key::Left => self.move_to(self.before(word), shift),
            Key::Right => self.move_to(self.after(word), shift),
            Key::Home => self.move_to(0, shift),
            Key::End => self.move_to(self.text.len(), shift),
            Key::Backspace => self.delete(self.before(word)),
            Key::Delete => self.delete(self.after(word)),
            Key::Character('a') if word => {
                self.anchor = 0;
                self.caret = self.text.len();
            }
            _ if !key.text.is_empty() && !word && !key.modifiers.alt => self.insert(&key.text),
            _ => return false,
        }
        true
    }

    fn word_at(&self, index: usize) -> (usize, usize) {
        let index = index.min(self.text.len());
        let from = word_start(&self.text[..index]);
        let to = self.text[index..]
            .find(char::is_whitespace)
            .map_or(self.text.len(), |at| index + at);
        (from, to)
    }
}

/// Where the last word of a text begins.
fn word_start(text: &str) -> usize {
    let mut blanks = text.rmatch_indices(char::is_whitespace);
    blanks.next().map_or(0, |(at, blank)| at + blank.len())
}

/// Where the text is, inside the field.
struct Inside {
    text: Rect,
    icon: Rect,
}

impl<M> TextField<M> {
    fn spec(&self, text: &str, theme: &ochre_theme::Theme, scale: f32) -> TextSpec {
        let metrics = &theme.metrics;
        let size = if self.large {
            metrics.text_large
        } else {
            metrics.text
        };
        TextSpec::new(text, size * scale)
    }

    fn inside(&self, rect: Rect, scale: f32) -> Inside {
        let px = |logical: f32| (logical * scale).round() as i32;
        let inset = px(if self.large { 16.0 } else { 12.0 });
        let (side, gap) = if self.icon.is_some() {
            (px(18.0), px(10.0))
        } else {
            (0, 0)
        };
        let icon = Rect::new(rect.x + inset, rect.y, side, rect.height);
        let text = Rect::from_edges(
            icon.right() + gap,
            rect.y,
            rect.right() - inset,
            rect.bottom(),
        );
        Inside { text, icon }
    }

    fn changed(&self, context: &mut InputContext<M>, edit: Edit, before: &str) {
        if edit.text != before {
            context.send((self.on_change)(edit.text.clone()));
        }
        context.state.edit = Some(edit);
    }
}

impl<M: Clone> Widget<M> for TextField<M> {
    fn kind(&self) -> &'static str {
        "field"
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        let height = context.theme.metrics.control_height + if self.large { 12.0 } else { 0.0 };
        Some((context.px(200.0), context.px(height)))
    }

    fn paint(&self, rect: Rect, state: &State, painter: &mut Painter) {
        let (tokens, metrics) = (&painter.theme.tokens, &painter.theme.metrics);
        let radius = if self.large {
            metrics.radius_card
        } else {
            metrics.radius_control
        };
        let line = if state.focused {
            tokens.focus
        } else {
            tokens
                .border
                .mix(tokens.border_strong, 120 + state.hover.part() / 2)
        };
        let (muted, ink, selection, caret) = (
            tokens.text_muted,
            tokens.text,
            tokens.selection,
            tokens.focus,
        );
        let thickness = if state.focused {
            metrics.focus_width
        } else {
            metrics.border
        };
        painter.fill(rect, radius, tokens.field);
        painter.outline(rect, radius, thickness, line);
        let inside = self.inside(rect, painter.scale);
        if let Some(icon) = &self.icon {
            painter.symbol(icon, 18.0, inside.icon, muted);
        }
        let edit = state.edit.as_ref().filter(|_| state.focused);
        let value = edit.map_or(self.value.as_str(), |edit| edit.text.as_str());
        painter.push_clip(inside.text.inset(-2));
        if value.is_empty() {
            let spec = self.spec(&self.hint, painter.theme, painter.scale);
            let hint = painter.shape_cut(&spec, inside.text.width as f32);
            // Beside the caret, not under it.
            let beside = inside.text.translate(painter.px(2.0), 0);
            painter.text_in(&hint, beside, muted);
        }
        let text = painter.shape(&self.spec(value, painter.theme, painter.scale));
        let scroll = edit.map_or(0, |edit| edit.scroll);
        let place = inside.text.translate(-scroll, 0);
        if state.focused {
            let tall = (text.height.round() as i32).max(painter.px(18.0));
            let top = rect.y + (rect.height - tall) / 2;
            // Before anything is typed the caret stands at the end.
            let (from, to) = edit.map_or((0, 0), Edit::selection);
            let (left, right) = (
                text.caret(from).round() as i32,
                text.caret(to).round() as i32,
            );
            if from != to {
                let marked = Rect::new(place.x + left, top, right - left, tall);
                painter.fill(marked, 2.0, selection);
            }
            let at = edit.map_or(value.len(), |edit| edit.caret);
            let at = place.x + text.caret(at).round() as i32;
            let wide = painter.px(1.5).max(1);
            painter.fill(Rect::new(at, top, wide, tall), 0.0, caret);
        }
        painter.text_in(&text, place, ink);
        painter.pop_clip();
    }

    fn presses(&self) -> bool {
        true
    }

    fn focuses(&self) -> bool {
        true
    }

    fn autofocus(&self) -> bool {
        self.autofocus
    }

    fn sync(&self, state: &mut State) {
        if let Some(edit) = &mut state.edit {
            edit.follow(&self.value);
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor::Text
    }

    fn input(&self, input: &Input, context: &mut InputContext<M>) -> bool {
        let mut edit = context
            .state
            .edit
            .take()
            .unwrap_or_else(|| Edit::of(&self.value));
        let before = edit.text.clone();
        let shape = |edit: &Edit| {
            let spec = self.spec(&edit.text, context.theme, context.scale);
            context.resources.shaper.borrow_mut().shape(&spec)
        };
        let inside = self.inside(context.rect, context.scale);
        let index_at = |edit: &Edit, x: f32| {
            let left = (inside.text.x - context.rect.x - edit.scroll) as f32;
            shape(edit).index_at(x - left)
        };
        let used = match input {
            Input::Pressed { x, clicks, .. } => {
                let index = index_at(&edit, *x);
                match clicks {
                    1 => edit.move_to(index, false),
                    2 => (edit.anchor, edit.caret) = edit.word_at(index),
                    _ => (edit.anchor, edit.caret) = (0, edit.text.len()),
                }
                true
            }
            Input::Dragged { x, .. } => {
                let index = index_at(&edit, *x);
                edit.move_to(index, true);
                true
            }
            Input::Pasted(text) => {
                edit.insert(text);
                true
            }
            Input::Key(key)
                if key.modifiers.control && matches!(key.key, Key::Character('c' | 'x')) =>
            {
                if edit.anchor != edit.caret {
                    *context.clipboard = Some(edit.selected().to_owned());
                    if key.key == Key::Character('x') {
                        edit.insert("");
                    }
                }
                true
            }
            Input::Key(key) if key.modifiers.control && key.key == Key::Character('v') => {
                *context.wants_paste = true;
                true
            }
            Input::Key(key) if key.key == Key::Enter => match &self.on_submit {
                Some(message) => {
                    context.messages.push(message.clone());
                    true
                }
                None => false,
            },
            Input::Key(key) => edit.key(key),
            Input::Released { .. } => false,
        };
        // Keep the caret in sight.
        let at = shape(&edit).caret(edit.caret).round() as i32;
        let room = (inside.text.width - 2).max(1);
        edit.scroll = edit.scroll.clamp((at - room).max(0), at.max(0));
        self.changed(context, edit, &before);
        used
    }

    fn access(&self, _: &State) -> Option<Node> {
        let mut node = labelled(Role::TextInput, &self.label);
        node.set_value(self.value.as_str());
        node.set_placeholder(self.hint.as_str());
        node.add_action(Action::Focus);
        node.add_action(Action::SetValue);
        Some(node)
    }
}

impl Edit {
    /// Takes over a value that the app set to something else than was typed.
    pub(crate) fn follow(&mut self, value: &str) {
        if self.text != value {
            *self = Edit::of(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Modifiers;

    fn press(edit: &mut Edit, key: Key, shift: bool, control: bool) {
        let modifiers = Modifiers {
            shift,
            control,
            ..Modifiers::default()
        };
        edit.key(&KeyEvent {
            key,
            modifiers,
            text: String::new(),
            repeated: false,
        });
    }

    #[test]
    fn words_end_at_blanks_of_any_length() {
        for blank in [" ", "\u{a0}", "\u{3000}"] {
            let mut edit = Edit::of(&format!("one{blank}two"));
            assert_eq!(edit.word_at(edit.text.len()).0, 3 + blank.len());
            press(&mut edit, Key::Left, false, true);
            assert_eq!(edit.caret, 3 + blank.len());
            press(&mut edit, Key::Backspace, false, true);
            assert_eq!(edit.text, "two");
        }
    }

    #[test]
    fn editing_keeps_to_letter_boundaries() {
        let mut edit = Edit::of("größe");
        press(&mut edit, Key::Left, false, false);
        press(&mut edit, Key::Left, false, false);
        press(&mut edit, Key::Backspace, false, false);
        assert_eq!(edit.text, "grße");
        edit.insert("o\u{7}\n");
        assert_eq!(edit.text, "große");
        press(&mut edit, Key::Home, true, false);
        assert_eq!(edit.selected(), "gro");
        press(&mut edit, Key::Delete, false, false);
        assert_eq!((edit.text.as_str(), edit.caret), ("ße", 0));
    }

    #[test]
    fn words_are_steps_with_control() {
        let mut edit = Edit::of("one two  three");
        press(&mut edit, Key::Left, false, true);
        assert_eq!(edit.caret, 9);
        press(&mut edit, Key::Left, false, true);
        assert_eq!(edit.caret, 4);
        press(&mut edit, Key::Right, true, true);
        assert_eq!(edit.selected(), "two");
        press(&mut edit, Key::Character('a'), false, true);
        edit.insert("all");
        assert_eq!(edit.text, "all");
    }

    #[test]
    fn a_huge_paste_is_refused() {
        let mut edit = Edit::of("x");
        edit.insert(&"y".repeat(LONGEST));
        assert_eq!(edit.text, "x");
    }
}
