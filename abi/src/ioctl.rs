//! The declarative ioctl table: for each command of a scheme, what the kernel copies in and out, so
//! that a server never sees a client's pointer.
//!
//! A request's payload is laid out so: the [`ArgHeader`]; the argument struct; then each array,
//! 8-byte aligned, in the table's order. Pointer fields of the struct are zeroed on the way in and
//! left as the client had them on the way out. The server says in each [`ArrayHeader`] how many
//! bytes of an out array it wrote.
//!
//! A command that is not in the table is passed with the size and direction encoded in its number
//! (`_IOC`), capped at [`MAX_STRUCT`]; one whose number encodes no size passes its argument as a
//! bare integer in the request.

use bytemuck::{Pod, Zeroable};

/// Arrays of one command.
pub const MAX_ARRAYS: usize = 4;
/// Descriptors of one command, each way.
pub const MAX_STRUCT: usize = 4096;
/// Entries of one scheme's table.
pub const MAX_COMMANDS: usize = 256;

/// The size and direction part of an ioctl number is ignored in matching this entry, so that a
/// command with a variable size (EVIOCGNAME) has one entry.
pub const MATCH_ANY_SIZE: u32 = 1;
/// The argument is an integer whatever the number says (EVIOCGRAB).
pub const BY_VALUE: u32 = 2;

/// No field.
pub const NONE: u16 = 0xffff;

/// Where an array's element count stands.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A u32 field of the struct at `count_offset`.
    U32 = 0,
    /// A u64 field.
    U64 = 1,
    /// The sum of the u32 elements of an earlier array, whose index is `count_offset`.
    SumOf = 2,
}

/// Copied to the server.
pub const DIR_IN: u8 = 1;
/// Copied back to the client.
pub const DIR_OUT: u8 = 2;

/// One pointer in the struct, and the array behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Array {
    /// Offset of the u64 pointer field.
    pub pointer_offset: u16,
    pub count_offset: u16,
    /// A [`Count`].
    pub count_kind: u8,
    /// [`DIR_IN`] | [`DIR_OUT`]; 0 ends the list.
    pub direction: u8,
    /// Bytes of an element.
    pub element: u16,
}

/// One entry of the table.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Command {
    pub number: u32,
    /// [`MATCH_ANY_SIZE`], [`BY_VALUE`].
    pub flags: u32,
    pub arrays: [Array; MAX_ARRAYS],
    /// Offset of an i32 descriptor that the client passes in, or [`NONE`]. The server takes it by
    /// index 0.
    pub fd_in: u16,
    /// Offset of an i32 that receives the descriptor of the completion, or [`NONE`].
    pub fd_out: u16,
    pub _reserved: u32,
}

/// The head of an ioctl's payload.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct ArgHeader {
    /// Bytes of the struct, which follows this header.
    pub size: u32,
    pub array_count: u32,
    pub arrays: [ArrayHeader; MAX_ARRAYS],
}

/// Where an array stands in the payload.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct ArrayHeader {
    /// From the payload's start.
    pub offset: u32,
    /// Bytes the client has room for (out) or passed (in).
    pub capacity: u32,
    /// Set by the server: bytes to copy back; at most `capacity` are.
    pub written: u32,
    pub _reserved: u32,
}

impl Array {
    pub const END: Array = Array {
        pointer_offset: 0,
        count_offset: 0,
        count_kind: 0,
        direction: 0,
        element: 0,
    };

    /// An array whose count is a u32 field.
    #[must_use]
    pub const fn new(pointer_offset: u16, count_offset: u16, direction: u8, element: u16) -> Array {
        Array {
            pointer_offset,
            count_offset,
            count_kind: Count::U32 as u8,
            direction,
            element,
        }
    }

    /// An array whose count is a u64 field (`size_t`).
    #[must_use]
    pub const fn counted_u64(
        pointer_offset: u16,
        count_offset: u16,
        direction: u8,
        element: u16,
    ) -> Array {
        Array {
            pointer_offset,
            count_offset,
            count_kind: Count::U64 as u8,
            direction,
            element,
        }
    }

    /// An array with as many elements as the u32s of array `index` add up to.
    #[must_use]
    pub const fn sum_of(pointer_offset: u16, index: u16, direction: u8, element: u16) -> Array {
        Array {
            pointer_offset,
            count_offset: index,
            count_kind: Count::SumOf as u8,
            direction,
            element,
        }
    }
}

impl Command {
    /// A command with arrays; its struct's size and direction are in its number.
    #[must_use]
    pub const fn new(number: u32, arrays: &[Array]) -> Command {
        let mut all = [Array::END; MAX_ARRAYS];
        let mut i = 0;
        while i < arrays.len() {
            all[i] = arrays[i];
            i += 1;
        }
        Command {
            number,
            flags: 0,
            arrays: all,
            fd_in: NONE,
            fd_out: NONE,
            _reserved: 0,
        }
    }

    #[must_use]
    pub const fn flags(mut self, flags: u32) -> Command {
        self.flags = flags;
        self
    }

    #[must_use]
    pub const fn fd_in(mut self, offset: u16) -> Command {
        self.fd_in = offset;
        self
    }

    #[must_use]
    pub const fn fd_out(mut self, offset: u16) -> Command {
        self.fd_out = offset;
        self
    }
}

/// The parts of an ioctl number (`asm-generic/ioctl.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u32);

impl Number {
    /// Bytes of the argument struct.
    #[must_use]
    pub const fn size(self) -> usize {
        (self.0 >> 16 & 0x3fff) as usize
    }

    /// The client's struct is copied to the server (`_IOC_WRITE`).
    #[must_use]
    pub const fn copies_in(self) -> bool {
        self.0 >> 30 & 1 != 0
    }

    /// The server's struct is copied back (`_IOC_READ`).
    #[must_use]
    pub const fn copies_out(self) -> bool {
        self.0 >> 30 & 2 != 0
    }

    /// Type and number without size and direction.
    #[must_use]
    pub const fn sizeless(self) -> u32 {
        self.0 & 0xffff
    }
}
