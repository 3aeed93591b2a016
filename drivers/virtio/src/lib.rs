//! virtio 1.x over PCI: the transport and split virtqueues, on the memory that the PCI server hands
//! out. Devices write only to DMA memory of their driver; what they write is read as hostile.
#![forbid(unsafe_code)]

mod queue;
mod transport;

pub use queue::{Queue, Segment, Used};
pub use transport::{Feature, Transport};
