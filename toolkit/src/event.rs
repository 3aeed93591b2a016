//! What happens to a window, as the shell or a test says it. Positions are logical pixels.

/// Held modifier keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modifiers {
    pub shift: bool,
    pub control: bool,
    pub alt: bool,
    pub logo: bool,
}

/// A key by its meaning in the current layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A key that makes this character, without looking at Control.
    Character(char),
    Enter,
    Escape,
    Tab,
    Backspace,
    Delete,
    Insert,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    Menu,
    /// F1 and so on.
    Function(u8),
    /// A modifier or anything without a name here.
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KeyEvent {
    pub key: Key,
    pub modifiers: Modifiers,
    /// What it types; empty for shortcuts and named keys.
    pub text: String,
    pub repeated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Left,
    Right,
    Middle,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    PointerMoved {
        x: f32,
        y: f32,
    },
    PointerLeft,
    PointerPressed {
        button: Button,
        time_ms: u32,
    },
    PointerReleased {
        button: Button,
    },
    /// Logical pixels; positive goes down and right.
    Scrolled {
        dx: f32,
        dy: f32,
    },
    KeyPressed(KeyEvent),
    KeyReleased(KeyEvent),
    /// The window got or lost the keyboard.
    Focused(bool),
    /// Text that was asked for from the clipboard.
    Pasted(String),
}

/// The pointer's shape that a widget asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cursor {
    #[default]
    Arrow,
    Hand,
    Text,
}
