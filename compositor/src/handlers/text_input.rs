//! text-input-v3: which field of a program is typed into, and what it tells the input method.
//!
//! A field is entered with its window, also while there is no input method: what it has said by then is told
//! when one comes. One field at most is active, the first that was enabled; it leaves with its window.

use smithay::{
    reexports::{
        wayland_protocols::wp::text_input::zv3::server::{
            zwp_text_input_manager_v3::{self as manager, ZwpTextInputManagerV3},
            zwp_text_input_v3::{
                self as text_input, ChangeCause, ContentHint, ContentPurpose, ZwpTextInputV3,
            },
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
            backend::ClientId, protocol::wl_surface::WlSurface,
        },
    },
    utils::{Logical, Rectangle},
};

use super::guard::near;
use crate::state::Compositor;

/// The fields of all programs.
#[derive(Debug, Default)]
pub struct Fields {
    /// The surface that has the keyboard.
    focus: Option<WlSurface>,
    all: Vec<Field>,
    active: Option<ZwpTextInputV3>,
}

#[derive(Debug)]
struct Field {
    object: ZwpTextInputV3,
    /// How often it has committed, which tells it what an answer is to.
    commits: u32,
    enable: Option<bool>,
    pending: Said,
    said: Said,
}

/// What a field says of itself.
#[derive(Debug, Default, Clone)]
pub(super) struct Said {
    /// The text around the cursor, where in it that is, and the other end of what is selected.
    pub(super) text: Option<(String, u32, u32)>,
    pub(super) cause: Option<ChangeCause>,
    pub(super) content: Option<(ContentHint, ContentPurpose)>,
    pub(super) cursor: Option<Rectangle<i32, Logical>>,
}

impl Said {
    fn add(&mut self, more: &Self) {
        let more = more.clone();
        self.text = more.text.or(self.text.take());
        self.cause = more.cause.or(self.cause.take());
        self.content = more.content.or(self.content.take());
        self.cursor = more.cursor.or(self.cursor.take());
    }
}

impl Fields {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwpTextInputManagerV3, ()>(1, ());
        Self::default()
    }

    fn focused(&mut self) -> impl Iterator<Item = (&mut Field, &WlSurface)> {
        let focus = self.focus.as_ref();
        self.all.iter_mut().filter_map(move |field| {
            let surface = focus?;
            let same = field.object.id().same_client_as(&surface.id());
            same.then_some((field, surface))
        })
    }

    /// The keyboard has gone to another surface.
    pub(super) fn focus_changed(&mut self, focused: Option<&WlSurface>) {
        self.active = None;
        for (field, surface) in self.focused() {
            field.object.leave(surface);
            (field.enable, field.pending, field.said) = Default::default();
        }
        self.focus = focused.cloned();
        for (field, surface) in self.focused() {
            field.object.enter(surface);
        }
    }

    /// A surface is about to be destroyed: after that nobody could be told that it is left.
    pub(super) fn surface_goes(&mut self, surface: &WlSurface) {
        if self.focus.as_ref() == Some(surface) {
            self.focus_changed(None);
        }
    }

    /// The field that is typed into, its surface, and what it has said of itself.
    pub(super) fn active(&self) -> Option<(WlSurface, Said)> {
        let active = self.active.as_ref()?;
        let field = self.all.iter().find(|field| field.object == *active)?;
        Some((self.focus.clone()?, field.said.clone()))
    }

    /// Tells the field that is typed into; with it comes the number of its last commit.
    pub(super) fn tell(&self, tell: impl FnOnce(&ZwpTextInputV3, u32)) {
        let active = self.active.as_ref();
        let field = active.and_then(|active| self.all.iter().find(|f| f.object == *active));
        if let Some(field) = field {
            tell(&field.object, field.commits);
        }
    }
}

impl Compositor {
    fn field_commits(&mut self, object: &ZwpTextInputV3) {
        let fields = &mut self.protocols.fields;
        let others = fields
            .active
            .as_ref()
            .is_some_and(|active| active != object);
        let active = fields.active.as_ref() == Some(object);
        if let Some(field) = fields.all.iter_mut().find(|field| field.object == *object) {
            field.commits = field.commits.wrapping_add(1);
        }
        let Some((field, surface)) = fields.focused().find(|(field, _)| field.object == *object)
        else {
            return;
        };
        let pending = std::mem::take(&mut field.pending);
        match field.enable.take() {
            // Two at once are not to be, and the first remains.
            _ if others => {}
            Some(true) => {
                field.said = pending.clone();
                let surface = surface.clone();
                fields.active = Some(object.clone());
                self.activate_input_method(&surface, &pending);
            }
            Some(false) if active => {
                fields.active = None;
                self.deactivate_input_method();
            }
            None if active => {
                field.said.add(&pending);
                self.tell_input_method(&pending);
            }
            _ => {}
        }
    }
}

impl GlobalDispatch<ZwpTextInputManagerV3, ()> for Compositor {
    fn bind(
        _state: &mut Self,
        _display: &DisplayHandle,
        _client: &Client,
        resource: New<ZwpTextInputManagerV3>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ());
    }
}

impl Dispatch<ZwpTextInputManagerV3, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ZwpTextInputManagerV3,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let manager::Request::GetTextInput { id, .. } = request {
            let fields = &mut state.protocols.fields;
            let object = init.init(id, ());
            if let Some(surface) = &fields.focus
                && object.id().same_client_as(&surface.id())
            {
                object.enter(surface);
            }
            fields.all.push(Field {
                object,
                commits: 0,
                enable: None,
                pending: Said::default(),
                said: Said::default(),
            });
        }
    }
}

impl Dispatch<ZwpTextInputV3, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ZwpTextInputV3,
        request: text_input::Request,
        _data: &(),
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        use text_input::Request;
        let fields = &mut state.protocols.fields;
        let Some(field) = fields.all.iter_mut().find(|field| field.object == *object) else {
            return;
        };
        let place = |at: i32| u32::try_from(at).unwrap_or(0);
        let pending = &mut field.pending;
        match request {
            // Either forgets what was said before.
            Request::Enable => (field.enable, *pending) = (Some(true), Said::default()),
            Request::Disable => (field.enable, *pending) = (Some(false), Said::default()),
            Request::SetSurroundingText {
                text,
                cursor,
                anchor,
            } => pending.text = Some((text, place(cursor), place(anchor))),
            // What newer versions may know is nothing special here.
            Request::SetTextChangeCause { cause } => {
                pending.cause = Some(cause.into_result().unwrap_or(ChangeCause::Other));
            }
            Request::SetContentType { hint, purpose } => {
                let hint = hint.into_result().unwrap_or(ContentHint::None);
                let purpose = purpose.into_result().unwrap_or(ContentPurpose::Normal);
                pending.content = Some((hint, purpose));
            }
            Request::SetCursorRectangle {
                x,
                y,
                width,
                height,
            } => {
                let size = (near(width).max(0), near(height).max(0));
                pending.cursor = Some(Rectangle::new((near(x), near(y)).into(), size.into()));
            }
            Request::Commit => state.field_commits(object),
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _client: ClientId, object: &ZwpTextInputV3, _data: &()) {
        let fields = &mut state.protocols.fields;
        fields.all.retain(|field| field.object != *object);
        if fields.active.take_if(|active| active == object).is_some() {
            state.deactivate_input_method();
        }
    }
}
