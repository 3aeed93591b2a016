//! What drivers share: the scheme server loop, PCI handles, DMA, interrupts.
