//! What clients ask: Smithay's handler traits, one file a protocol family.
//!
//! Handlers translate; the decisions are in [`crate::shell`], [`crate::input`] and
//! [`crate::output`].

mod activation;
mod capture;
mod decoration;
mod dialog;
mod dmabuf;
mod foreign;
mod gamma;
mod guard;
mod image_copy;
mod input_method;
mod layers;
mod lock;
mod offers;
mod output_config;
mod output_power;
mod outputs;
mod pacing;
mod pointer_copy;
mod sandbox;
mod seat;
mod selection;
mod selection_devices;
mod subsurface;
mod surface;
mod tablet;
mod text_input;
mod text_input_v1;
mod toplevel;
mod virtual_keyboard;
mod virtual_pointer;
mod workspaces;
mod xdg_foreign;

pub use capture::{CaptureRequest, Captures};
pub use foreign::WindowHandles;
pub use gamma::Gammas;
pub use image_copy::ImageCopies;
pub use input_method::InputMethod;
pub use offers::Offers;
pub use output_power::OutputPowers;
pub use outputs::OutputHeads;
pub use pacing::Paced;
pub use sandbox::trusted;
pub use selection_devices::GoneDevices;
pub(crate) use surface::{has_buffer, root_of};
pub(crate) use tablet::takes_tablets;
pub use text_input::Fields;
pub use text_input_v1::TextInputs;
pub use virtual_keyboard::VirtualKeys;
pub use workspaces::WorkspaceHandles;

use smithay::{
    reexports::{
        calloop::LoopHandle, wayland_protocols::xdg::shell::server::xdg_toplevel::WmCapabilities,
        wayland_protocols_misc::server_decoration::server::org_kde_kwin_server_decoration_manager::Mode as KdeMode,
        wayland_server::DisplayHandle,
    },
    wayland::{
        alpha_modifier::AlphaModifierState,
        commit_timing::CommitTimingManagerState,
        compositor::CompositorState,
        content_type::ContentTypeState,
        cursor_shape::CursorShapeManagerState,
        dmabuf::DmabufState,
        fifo::FifoManagerState,
        foreign_toplevel_list::ForeignToplevelListState,
        fractional_scale::FractionalScaleManagerState,
        idle_inhibit::IdleInhibitManagerState,
        idle_notify::IdleNotifierState,
        input_method::InputMethodManagerState,
        keyboard_shortcuts_inhibit::KeyboardShortcutsInhibitState,
        output::OutputManagerState,
        pointer_constraints::PointerConstraintsState,
        pointer_gestures::PointerGesturesState,
        presentation::PresentationState,
        relative_pointer::RelativePointerManagerState,
        security_context::SecurityContextState,
        selection::{
            data_device::DataDeviceState, ext_data_control,
            primary_selection::PrimarySelectionState, wlr_data_control,
        },
        session_lock::SessionLockManagerState,
        shell::{
            kde::decoration::KdeDecorationState,
            wlr_layer::WlrLayerShellState,
            xdg::{XdgShellState, decoration::XdgDecorationState},
        },
        shm::ShmState,
        single_pixel_buffer::SinglePixelBufferState,
        tablet_manager::TabletManagerState,
        viewporter::ViewporterState,
        virtual_keyboard::VirtualKeyboardManagerState,
        xdg_activation::XdgActivationState,
        xdg_foreign::XdgForeignState,
        xdg_system_bell::XdgSystemBellState,
    },
};

use crate::state::Compositor;

/// What windows can be asked to do here.
const CAPABILITIES: [WmCapabilities; 4] = [
    WmCapabilities::WindowMenu,
    WmCapabilities::Maximize,
    WmCapabilities::Fullscreen,
    WmCapabilities::Minimize,
];

/// The globals that clients bind, and Smithay's state behind each.
pub struct Protocols {
    pub(crate) compositor: CompositorState,
    pub(crate) shm: ShmState,
    pub(crate) xdg_shell: XdgShellState,
    pub(crate) layer_shell: WlrLayerShellState,
    pub(crate) data_device: DataDeviceState,
    pub(crate) gone_devices: GoneDevices,
    pub(crate) offers: Offers,
    pub(crate) primary_selection: PrimarySelectionState,
    pub(crate) wlr_data_control: wlr_data_control::DataControlState,
    pub(crate) ext_data_control: ext_data_control::DataControlState,
    pub(crate) kde_decoration: KdeDecorationState,
    pub(crate) activation: XdgActivationState,
    pub(crate) idle: IdleNotifierState<Compositor>,
    pub(crate) foreign_list: ForeignToplevelListState,
    pub(crate) xdg_foreign: XdgForeignState,
    pub(crate) session_lock: SessionLockManagerState,
    pub(crate) shortcuts_inhibit: KeyboardShortcutsInhibitState,
    pub(crate) window_handles: WindowHandles,
    pub(crate) captures: Captures,
    pub(crate) gammas: Gammas,
    pub(crate) output_powers: OutputPowers,
    pub(crate) workspaces: WorkspaceHandles,
    pub(crate) image_copies: ImageCopies,
    pub(crate) output_heads: OutputHeads,
    pub(crate) text_inputs: TextInputs,
    pub(crate) fields: Fields,
    pub(crate) input_method: InputMethod,
    pub(crate) virtual_keys: VirtualKeys,
    pub(crate) paced: Paced,
    pub(crate) dmabuf: DmabufState,
    _globals: Globals,
}

/// Globals whose state is never asked again, but lives as long as the compositor.
#[derive(Debug)]
struct Globals {
    _xdg_decoration: XdgDecorationState,
    _output: OutputManagerState,
    _viewporter: ViewporterState,
    _fractional_scale: FractionalScaleManagerState,
    _cursor_shape: CursorShapeManagerState,
    _presentation: PresentationState,
    _single_pixel: SinglePixelBufferState,
    _alpha: AlphaModifierState,
    _content_type: ContentTypeState,
    _fifo: FifoManagerState,
    _commit_timing: CommitTimingManagerState,
    _constraints: PointerConstraintsState,
    _relative_pointer: RelativePointerManagerState,
    _input_method: InputMethodManagerState,
    _virtual_keyboard: VirtualKeyboardManagerState,
    _idle_inhibit: IdleInhibitManagerState,
    _gestures: PointerGesturesState,
    _tablets: TabletManagerState,
    _security_context: SecurityContextState,
    _bell: XdgSystemBellState,
}

impl Protocols {
    /// Creates every global.
    pub fn new(display: &DisplayHandle, events: &LoopHandle<'static, Compositor>) -> Self {
        type C = Compositor;
        virtual_pointer::create(display);
        dialog::create(display);
        let clock_monotonic = 1; // CLOCK_MONOTONIC, the clock of presentation times
        let primary_selection = PrimarySelectionState::new::<C>(display);
        Self {
            compositor: CompositorState::new_v6::<C>(display),
            shm: ShmState::new::<C>(display, crate::render::SHM_FORMATS),
            xdg_shell: XdgShellState::new_with_capabilities::<C>(display, CAPABILITIES),
            layer_shell: WlrLayerShellState::new_with_filter::<C, _>(display, trusted),
            data_device: DataDeviceState::new::<C>(display),
            gone_devices: GoneDevices::default(),
            offers: Offers::default(),
            wlr_data_control: wlr_data_control::DataControlState::new::<C, _>(
                display,
                Some(&primary_selection),
                trusted,
            ),
            ext_data_control: ext_data_control::DataControlState::new::<C, _>(
                display,
                Some(&primary_selection),
                trusted,
            ),
            primary_selection,
            kde_decoration: KdeDecorationState::new::<C>(display, KdeMode::Server),
            activation: XdgActivationState::new::<C>(display),
            idle: IdleNotifierState::new(display, events.clone()),
            foreign_list: ForeignToplevelListState::new_with_filter::<C>(display, trusted),
            xdg_foreign: XdgForeignState::new::<C>(display),
            session_lock: SessionLockManagerState::new::<C, _>(display, trusted),
            shortcuts_inhibit: KeyboardShortcutsInhibitState::new::<C>(display),
            window_handles: WindowHandles::new(display),
            captures: Captures::new(display),
            gammas: Gammas::new(display),
            output_powers: OutputPowers::new(display),
            workspaces: WorkspaceHandles::new(display),
            image_copies: ImageCopies::new(display),
            output_heads: OutputHeads::new(display),
            text_inputs: TextInputs::new(display),
            fields: Fields::new(display),
            input_method: InputMethod::default(),
            virtual_keys: VirtualKeys::default(),
            paced: Paced::default(),
            dmabuf: dmabuf::create(display),
            _globals: Globals {
                _xdg_decoration: XdgDecorationState::new::<C>(display),
                _output: OutputManagerState::new_with_xdg_output::<C>(display),
                _viewporter: ViewporterState::new::<C>(display),
                _fractional_scale: FractionalScaleManagerState::new::<C>(display),
                _cursor_shape: CursorShapeManagerState::new::<C>(display),
                _presentation: PresentationState::new::<C>(display, clock_monotonic),
                _single_pixel: SinglePixelBufferState::new::<C>(display),
                _alpha: AlphaModifierState::new::<C>(display),
                _content_type: ContentTypeState::new::<C>(display),
                _fifo: FifoManagerState::new::<C>(display),
                _commit_timing: CommitTimingManagerState::new::<C>(display),
                _constraints: PointerConstraintsState::new::<C>(display),
                _relative_pointer: RelativePointerManagerState::new::<C>(display),
                _input_method: InputMethodManagerState::new::<C, _>(display, trusted),
                _virtual_keyboard: VirtualKeyboardManagerState::new::<C, _>(display, trusted),
                _idle_inhibit: IdleInhibitManagerState::new::<C>(display),
                _gestures: PointerGesturesState::new::<C>(display),
                _tablets: TabletManagerState::new::<C>(display),
                _security_context: SecurityContextState::new::<C, _>(display, trusted),
                _bell: XdgSystemBellState::new::<C>(display),
            },
        }
    }
}
