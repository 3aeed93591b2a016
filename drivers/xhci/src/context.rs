//! Slot and endpoint contexts (xHCI 1.2, 6.2): what the controller is told of a device.

use ochre_driver::capability::DeviceMemory;

/// Values of a slot context's speed field, as PORTSC has them (7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    Full,
    Low,
    High,
    Super,
    SuperPlus,
}

impl Speed {
    /// The speed with this number.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Speed> {
        Some(match id {
            1 => Speed::Full,
            2 => Speed::Low,
            3 => Speed::High,
            4 => Speed::Super,
            5..=7 => Speed::SuperPlus,
            _ => return None,
        })
    }

    fn id(self) -> u32 {
        match self {
            Speed::Full => 1,
            Speed::Low => 2,
            Speed::High => 3,
            Speed::Super => 4,
            Speed::SuperPlus => 5,
        }
    }

    /// Packets of the control endpoint before the device has said what it takes.
    #[must_use]
    pub fn first_packet(self) -> u16 {
        match self {
            Speed::Low | Speed::Full => 8,
            Speed::High => 64,
            Speed::Super | Speed::SuperPlus => 512,
        }
    }

    #[must_use]
    pub fn is_super(self) -> bool {
        matches!(self, Speed::Super | Speed::SuperPlus)
    }

    /// Whether a device behind a high-speed hub needs that hub's translator.
    #[must_use]
    pub fn is_slow(self) -> bool {
        matches!(self, Speed::Low | Speed::Full)
    }
}

/// What makes a device a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubFields {
    pub ports: u8,
    /// Think time of its translator (USB 2.0, 11.23.2.1), as 0 to 3.
    pub think_time: u8,
}

/// A slot context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotContext {
    pub route: u32,
    pub speed: Speed,
    pub root_port: u8,
    /// The last endpoint that is configured.
    pub entries: u8,
    /// Slot and port of the high-speed hub whose translator is used.
    pub translator: Option<(u8, u8)>,
    pub hub: Option<HubFields>,
}

impl SlotContext {
    #[must_use]
    pub fn words(&self) -> [u32; 3] {
        let hub = self.hub.map_or(0, |_| 1 << 26);
        let ports = self.hub.map_or(0, |h| u32::from(h.ports));
        let think = self.hub.map_or(0, |h| u32::from(h.think_time & 3));
        let (slot, port) = self.translator.unwrap_or_default();
        [
            self.route & 0xf_ffff
                | self.speed.id() << 20
                | hub
                | u32::from(self.entries & 31) << 27,
            u32::from(self.root_port) << 16 | ports << 24,
            u32::from(slot) | u32::from(port) << 8 | think << 16,
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    Control,
    InterruptIn,
}

/// An endpoint context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointContext {
    pub kind: EndpointKind,
    pub packet: u16,
    /// Packets of a burst, less one.
    pub burst: u8,
    /// The period is 2 to the power of this times 125 µs.
    pub interval: u8,
    /// From [`crate::ring::Producer::dequeue`].
    pub dequeue: u64,
}

impl EndpointContext {
    #[must_use]
    pub fn words(&self) -> [u32; 5] {
        const ERRORS: u32 = 3;
        let (kind, average, most) = match self.kind {
            EndpointKind::Control => (4, 8, 0),
            EndpointKind::InterruptIn => {
                let most = u32::from(self.packet) * (u32::from(self.burst) + 1);
                (7, u32::from(self.packet), most)
            }
        };
        [
            u32::from(self.interval) << 16 | (most >> 16 & 0xff) << 24,
            ERRORS << 1 | kind << 3 | u32::from(self.burst) << 8 | u32::from(self.packet) << 16,
            self.dequeue as u32,
            (self.dequeue >> 32) as u32,
            average | (most & 0xffff) << 16,
        ]
    }
}

/// The interval field for an interrupt endpoint's bInterval (6.2.3.6).
#[must_use]
pub fn interval(speed: Speed, given: u8) -> u8 {
    if speed.is_slow() {
        // Frames of 1 ms, 1 to 255; the controller takes powers of two.
        let micro_frames = u32::from(given.max(1)) * 8;
        micro_frames.ilog2().clamp(3, 10) as u8
    } else {
        given.clamp(1, 16) - 1
    }
}

/// The input context: what a command adds, the slot, and endpoints by their number (DCI).
pub struct Input<'a> {
    memory: &'a DeviceMemory,
    stride: usize,
}

impl Input<'_> {
    /// Begins anew in `memory`, with contexts of `stride` bytes.
    #[must_use]
    pub fn new(memory: &DeviceMemory, stride: usize) -> Input<'_> {
        memory.copy_in(0, &vec![0; stride * 33]);
        Input { memory, stride }
    }

    fn add(&self, context: u8, words: &[u32]) {
        let flags = self.memory.read::<u32>(4) | 1 << context;
        self.memory.write(4, flags);
        let at = (usize::from(context) + 1) * self.stride;
        for (index, word) in words.iter().enumerate() {
            self.memory.write(at + index * 4, *word);
        }
    }

    pub fn slot(&self, slot: &SlotContext) {
        self.add(0, &slot.words());
    }

    pub fn endpoint(&self, number: u8, endpoint: &EndpointContext) {
        self.add(number & 31, &endpoint.words());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::tests::page;

    #[test]
    fn intervals() {
        assert_eq!(interval(Speed::Low, 10), 6);
        assert_eq!(interval(Speed::Full, 0), 3);
        assert_eq!(interval(Speed::Full, 255), 10);
        assert_eq!(interval(Speed::High, 4), 3);
        assert_eq!(interval(Speed::High, 0), 0);
        assert_eq!(interval(Speed::Super, 255), 15);
    }

    #[test]
    fn contexts_lie_at_the_controller_s_stride() {
        let slot = SlotContext {
            route: 0x21,
            speed: Speed::Low,
            root_port: 3,
            entries: 3,
            translator: Some((2, 5)),
            hub: None,
        };
        let endpoint = EndpointContext {
            kind: EndpointKind::InterruptIn,
            packet: 8,
            burst: 0,
            interval: 6,
            dequeue: 0x1234_0001,
        };
        for stride in [32, 64] {
            let page = page();
            let input = Input::new(&page.memory, stride);
            input.slot(&slot);
            input.endpoint(3, &endpoint);
            let word = |at: usize| page.memory.read::<u32>(at);
            assert_eq!(word(4), 0b1001);
            assert_eq!(word(stride), 0x21 | 2 << 20 | 3 << 27);
            assert_eq!(word(stride + 8), 2 | 5 << 8);
            assert_eq!(word(stride * 4 + 8), 0x1234_0001);
            assert_eq!(word(stride * 4 + 4), 3 << 1 | 7 << 3 | 8 << 16);
        }
    }
}
