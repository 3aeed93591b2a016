//! linux-dmabuf: buffers that clients share as dma-bufs, in memory that the CPU can read.
//!
//! Version 3: which device buffers should rather be made for, which is what version 4 is about, does not matter here.

use smithay::{
    backend::allocator::{Format, Modifier, dmabuf::Dmabuf},
    reexports::{
        wayland_protocols::wp::linux_dmabuf::zv1::server::{
            zwp_linux_buffer_params_v1::{self as params, ZwpLinuxBufferParamsV1},
            zwp_linux_dmabuf_feedback_v1::ZwpLinuxDmabufFeedbackV1,
            zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum, delegate_dispatch,
            delegate_global_dispatch, protocol::wl_buffer::WlBuffer,
        },
    },
    wayland::dmabuf::{
        DmabufData, DmabufFeedbackData, DmabufGlobal, DmabufGlobalData, DmabufHandler,
        DmabufParamsData, DmabufState, ImportNotifier,
    },
};

use crate::{render::DMA_FORMATS, state::Compositor};

/// Creates the global.
pub(super) fn create(display: &DisplayHandle) -> DmabufState {
    let mut state = DmabufState::new();
    let linear = |code| Format {
        code,
        modifier: Modifier::Linear,
    };
    state.create_global::<Compositor>(display, DMA_FORMATS.map(linear));
    state
}

impl DmabufHandler for Compositor {
    fn dmabuf_state(&mut self) -> &mut DmabufState {
        &mut self.protocols.dmabuf
    }

    fn dmabuf_imported(
        &mut self,
        _global: &DmabufGlobal,
        dmabuf: Dmabuf,
        notifier: ImportNotifier,
    ) {
        if dmabuf.num_planes() > 1 {
            notifier.incomplete(); // or too complete: each format has one
        } else if self.painter.renderer.dma_buffers.take(&dmabuf) {
            // It fails only for a client that is gone.
            let _ = notifier.successful::<Self>();
        } else {
            notifier.failed();
        }
    }
}

impl Dispatch<ZwpLinuxBufferParamsV1, DmabufParamsData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZwpLinuxBufferParamsV1,
        request: params::Request,
        data: &DmabufParamsData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use params::{Flags, Request};
        let mut request = request;
        if let Request::Create {
            width,
            height,
            format,
            flags,
        }
        | Request::CreateImmed {
            width,
            height,
            format,
            flags,
            ..
        } = &mut request
        {
            // Smithay would name it, and some known formats have a number that is no name: that panics.
            if !DMA_FORMATS.iter().any(|offered| *offered as u32 == *format) {
                object.post_error(params::Error::InvalidFormat, "the format is not offered");
                return;
            }
            // Smithay says so too, but goes on with the numbers.
            if *width < 1 || *height < 1 {
                object.post_error(params::Error::InvalidDimensions, "a size is positive");
                return;
            }
            // Only one flag reaches `DmaBuffers::take`, which refuses what has it. None is known here.
            if *flags != WEnum::Value(Flags::empty()) {
                *flags = WEnum::Value(Flags::YInvert);
            }
        }
        <DmabufState as Dispatch<_, _, Self>>::request(
            state, client, object, request, data, display, init,
        );
    }
}

delegate_global_dispatch!(Compositor: [ZwpLinuxDmabufV1: DmabufGlobalData] => DmabufState);
delegate_dispatch!(Compositor: [ZwpLinuxDmabufV1: DmabufData] => DmabufState);
delegate_dispatch!(Compositor: [WlBuffer: Dmabuf] => DmabufState);
delegate_dispatch!(Compositor: [ZwpLinuxDmabufFeedbackV1: DmabufFeedbackData] => DmabufState);
