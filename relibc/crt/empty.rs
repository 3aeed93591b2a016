//! crti.o, crtn.o, crtbegin*.o, crtend*.o: constructors run from .init_array, so there is nothing in them.
#![no_std]
