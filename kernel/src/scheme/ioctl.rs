//! Moves an ioctl's argument between client and server as the scheme's table says, so that the
//! server never sees a pointer. See [`ochre_abi::ioctl`] for the layout.

use crate::errno::{Errno, Result};
use crate::fs::open::OpenFile;
use crate::sched::current;
use crate::scheme::file::SchemeFile;
use crate::scheme::life::Reply;
use crate::scheme::ring::Ring;
use crate::task::limits::Resource;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::Zeroable;
use ochre_abi::ioctl::{
    ArgHeader, Array, BY_VALUE, Command, Count, DIR_IN, DIR_OUT, MATCH_ANY_SIZE, MAX_ARRAYS,
    MAX_COMMANDS, MAX_STRUCT, NONE, Number,
};
use ochre_abi::scheme::{Op, PAYLOAD, Request};
use ochre_hal::admission;
use ochre_hal::uaccess;

/// An argument being moved.
struct Transfer {
    command: Command,
    number: Number,
    /// The caller's struct.
    address: usize,
    /// The client's bytes, pointers included.
    original: Vec<u8>,
    header: ArgHeader,
    /// The pointers that the client had in the struct, by array.
    pointers: [usize; MAX_ARRAYS],
}

/// Checks a table that a server declares.
pub fn check_table(table: &[Command]) -> Result {
    if table.len() > MAX_COMMANDS {
        return Err(Errno::E2BIG);
    }
    for command in table {
        // As much of the struct as is there whatever the client's number says.
        let size = if command.flags & MATCH_ANY_SIZE != 0 {
            0
        } else {
            Number(command.number).size().min(MAX_STRUCT)
        };
        let fits = |offset: u16, width: usize| usize::from(offset) + width <= size;
        for (index, array) in arrays(command).enumerate() {
            let count_fits = match array.count_kind {
                k if k == Count::U32 as u8 => fits(array.count_offset, 4),
                k if k == Count::U64 as u8 => fits(array.count_offset, 8),
                k if k == Count::SumOf as u8 => usize::from(array.count_offset) < index,
                _ => false,
            };
            if !count_fits || !fits(array.pointer_offset, 8) || array.element == 0 {
                return Err(Errno::EINVAL);
            }
        }
        for fd in [command.fd_in, command.fd_out] {
            if fd != NONE && !fits(fd, 4) {
                return Err(Errno::EINVAL);
            }
        }
    }
    Ok(())
}

fn arrays(command: &Command) -> impl Iterator<Item = &Array> {
    command.arrays.iter().take_while(|a| a.direction != 0)
}

fn find(table: &[Command], number: u32) -> Command {
    let matches = |entry: &&Command| {
        entry.number == number
            || entry.flags & MATCH_ANY_SIZE != 0
                && Number(entry.number).sizeless() == Number(number).sizeless()
    };
    table
        .iter()
        .find(matches)
        .copied()
        .unwrap_or(Command::new(number, &[]))
}

/// The ioctl of a client on `file`.
pub fn perform(file: &SchemeFile, number: u32, argument: usize) -> Result<usize> {
    let table = file.life().ioctls();
    let command = find(&table, number);
    let mut request = file.request(Op::Ioctl);
    request.args = [u64::from(number), argument as u64, 0, 0];
    let number = Number(number);
    let size = number.size();
    if size == 0 || command.flags & BY_VALUE != 0 {
        let reply = file.life().call(request, None, |_, _, _| Ok(()))?;
        return Ok(reply.result() as usize);
    }
    request.args[1] = 0;
    let mut transfer = Transfer::begin(command, number, argument)?;
    let passed = transfer.passed()?;
    let reply = file.life().call(request, passed, |ring, slot, request| {
        transfer.send(ring, slot, request)
    })?;
    transfer.receive(&reply)
}

impl Transfer {
    fn begin(command: Command, number: Number, address: usize) -> Result<Transfer> {
        let size = number.size().min(MAX_STRUCT);
        let mut original = admission::zeroes(size)?;
        if number.copies_in() {
            uaccess::copy_in(&mut original, address)?;
        }
        Ok(Transfer {
            command,
            number,
            address,
            original,
            header: ArgHeader::zeroed(),
            pointers: [0; MAX_ARRAYS],
        })
    }

    fn u32_at(&self, offset: u16) -> u32 {
        let at = usize::from(offset);
        let bytes = self
            .original
            .get(at..at + 4)
            .and_then(|b| b.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes)
    }

    fn u64_at(&self, offset: u16) -> u64 {
        let at = usize::from(offset);
        let bytes = self
            .original
            .get(at..at + 8)
            .and_then(|b| b.try_into().ok());
        bytes.map_or(0, u64::from_ne_bytes)
    }

    /// The descriptor that the client passes, if the command has one.
    fn passed(&self) -> Result<Option<Arc<OpenFile>>> {
        if self.command.fd_in == NONE {
            return Ok(None);
        }
        let fd = self.u32_at(self.command.fd_in) as i32;
        current().files().get(fd).map(Some)
    }

    /// Lays the argument out in the slot.
    fn send(&mut self, ring: &Ring, slot: usize, request: &mut Request) -> Result {
        let mut at = size_of::<ArgHeader>() + self.original.len();
        let mut hidden = self.original.clone();
        let mut count = 0;
        for (index, array) in arrays(&self.command).enumerate() {
            let start = at.next_multiple_of(8);
            let elements = self.elements(ring, slot, array)?;
            let bytes = elements.saturating_mul(usize::from(array.element));
            let room = PAYLOAD.saturating_sub(start);
            if bytes > room && array.direction & DIR_IN != 0 {
                return Err(Errno::EINVAL);
            }
            let pointer = self.u64_at(array.pointer_offset) as usize;
            // Out arrays beyond the payload area are cut: the server says the true count.
            let bytes = if pointer == 0 { 0 } else { bytes.min(room) };
            if array.direction & DIR_IN != 0 {
                ring.copy_from_user(slot, start, pointer, bytes)?;
            }
            self.pointers[index] = pointer;
            self.header.arrays[index].offset = start as u32;
            self.header.arrays[index].capacity = bytes as u32;
            let field = usize::from(array.pointer_offset);
            let hidden = hidden.get_mut(field..field + 8).ok_or(Errno::EIO)?;
            hidden.fill(0);
            at = start + bytes;
            count += 1;
        }
        self.header.size = self.original.len() as u32;
        self.header.array_count = count;
        ring.put(slot, 0, bytemuck::bytes_of(&self.header))?;
        ring.put(slot, size_of::<ArgHeader>(), &hidden)?;
        request.payload = at.min(PAYLOAD) as u32;
        Ok(())
    }

    /// How many elements an array has. A sum reads the elements that were copied before, which
    /// the server cannot have touched yet in a way that matters: it only bounds this client's copy.
    fn elements(&self, ring: &Ring, slot: usize, array: &Array) -> Result<usize> {
        if array.count_kind == Count::U32 as u8 {
            return Ok(self.u32_at(array.count_offset) as usize);
        }
        if array.count_kind == Count::U64 as u8 {
            return Ok(usize::try_from(self.u64_at(array.count_offset)).unwrap_or(usize::MAX));
        }
        let counted = &self.header.arrays[usize::from(array.count_offset) % MAX_ARRAYS];
        let mut sum = 0usize;
        for index in 0..counted.capacity / 4 {
            let element: u32 = ring.get_struct(slot, (counted.offset + index * 4) as usize)?;
            sum = sum.saturating_add(element as usize);
        }
        Ok(sum)
    }

    /// Copies the answer out.
    fn receive(&self, reply: &Reply) -> Result<usize> {
        let (ring, slot) = (reply.ring(), reply.slot());
        let header: ArgHeader = ring.get_struct(slot, 0)?;
        for (index, array) in arrays(&self.command).enumerate() {
            if array.direction & DIR_OUT == 0 {
                continue;
            }
            let place = &self.header.arrays[index];
            let len = header.arrays[index].written.min(place.capacity) as usize;
            ring.copy_to_user(slot, place.offset as usize, self.pointers[index], len)?;
        }
        if self.number.copies_out() {
            self.copy_struct(reply)?;
        }
        Ok(reply.result() as usize)
    }

    fn copy_struct(&self, reply: &Reply) -> Result {
        let mut bytes = admission::zeroes(self.original.len())?;
        reply
            .ring()
            .get(reply.slot(), size_of::<ArgHeader>(), &mut bytes)?;
        for array in arrays(&self.command) {
            let field = usize::from(array.pointer_offset);
            let client = self.original.get(field..field + 8).ok_or(Errno::EIO)?;
            let shown = bytes.get_mut(field..field + 8).ok_or(Errno::EIO)?;
            shown.copy_from_slice(client);
        }
        let mut len = bytes.len();
        if self.command.flags & MATCH_ANY_SIZE != 0 {
            // A command of variable size answers with its length.
            len = len.min(reply.result() as usize);
        }
        if self.command.fd_out == NONE {
            return Ok(uaccess::copy_out(self.address, &bytes[..len])?);
        }
        let open = reply.fd.clone().ok_or(Errno::EIO)?;
        let field = usize::from(self.command.fd_out);
        let place = bytes.get_mut(field..field + 4).ok_or(Errno::EIO)?;
        let caller = current();
        let limit = caller.process().limit(Resource::Files);
        let fd = caller.files().insert(open, true, limit)?;
        place.copy_from_slice(&fd.to_ne_bytes());
        uaccess::copy_out(self.address, &bytes[..len]).map_err(|fault| {
            // The client never learns the number: take the descriptor back.
            let _ = caller.files().close(fd);
            Errno::from(fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::check_table;
    use crate::errno::Errno;
    use ochre_abi::ioctl::{Array, Command, DIR_OUT, MATCH_ANY_SIZE, MAX_STRUCT};

    /// A number whose struct has so many bytes, to be copied in and out.
    fn number(size: usize) -> u32 {
        3 << 30 | (size as u32) << 16 | 0x6401
    }

    fn with_array_at(size: usize, offset: usize) -> Command {
        Command::new(number(size), &[Array::new(offset as u16, 0, DIR_OUT, 1)])
    }

    #[test]
    fn fields_lie_in_what_is_copied() {
        assert_eq!(check_table(&[with_array_at(16, 8)]), Ok(()));
        assert_eq!(check_table(&[with_array_at(16, 9)]), Err(Errno::EINVAL));
        let large = MAX_STRUCT + 16;
        assert_eq!(check_table(&[with_array_at(large, MAX_STRUCT - 8)]), Ok(()));
        let beyond = with_array_at(large, MAX_STRUCT);
        assert_eq!(check_table(&[beyond]), Err(Errno::EINVAL));
        let beyond = Command::new(number(large), &[]).fd_out(MAX_STRUCT as u16);
        assert_eq!(check_table(&[beyond]), Err(Errno::EINVAL));
    }

    #[test]
    fn a_struct_of_any_size_has_no_fields() {
        let any = |command: Command| check_table(&[command.flags(MATCH_ANY_SIZE)]);
        assert_eq!(any(Command::new(number(16), &[])), Ok(()));
        assert_eq!(any(with_array_at(16, 8)), Err(Errno::EINVAL));
        assert_eq!(
            any(Command::new(number(16), &[]).fd_in(0)),
            Err(Errno::EINVAL)
        );
    }
}
