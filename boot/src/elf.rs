//! The little of ELF that placing the kernel needs (System V gABI, x86-64 supplement). The file is
//! hostile input: every offset is checked.

use thiserror::Error;

#[derive(Debug, PartialEq, Eq, Error)]
pub enum ElfError {
    #[error("it is no 64-bit x86 ELF program")]
    NotAProgram,
    #[error("it is cut short")]
    Truncated,
    #[error("its segments overlap or spread too far")]
    BadSegments,
}

/// A part of the image: what of the file goes where; the rest of it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Offset from the image's first byte.
    pub offset: usize,
    pub bytes: &'a [u8],
}

/// A program to be placed in one piece.
#[derive(Debug, PartialEq, Eq)]
pub struct Program<'a> {
    file: &'a [u8],
    table: usize,
    count: usize,
    base: u64,
    /// Bytes from the first to the last of its segments.
    pub size: usize,
    /// Offset of the entry point.
    pub entry: usize,
}

const LOAD: u32 = 1;
const HEADER_SIZE: usize = 56;
const MAX_SIZE: u64 = 256 << 20;

fn field<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], ElfError> {
    let end = at.checked_add(N).ok_or(ElfError::Truncated)?;
    let bytes = file.get(at..end).ok_or(ElfError::Truncated)?;
    bytes.try_into().map_err(|_| ElfError::Truncated)
}

fn u16_at(file: &[u8], at: usize) -> Result<u16, ElfError> {
    field(file, at).map(u16::from_le_bytes)
}

fn u64_at(file: &[u8], at: usize) -> Result<u64, ElfError> {
    field(file, at).map(u64::from_le_bytes)
}

/// A loadable segment's header.
struct Header {
    offset: u64,
    address: u64,
    in_file: u64,
    in_memory: u64,
}

impl<'a> Program<'a> {
    pub fn parse(file: &'a [u8]) -> Result<Program<'a>, ElfError> {
        let identification: [u8; 6] = field(file, 0)?;
        if identification != *b"\x7fELF\x02\x01" || u16_at(file, 18)? != 62 {
            return Err(ElfError::NotAProgram);
        }
        let table = usize::try_from(u64_at(file, 32)?).map_err(|_| ElfError::Truncated)?;
        let count = usize::from(u16_at(file, 56)?);
        if usize::from(u16_at(file, 54)?) != HEADER_SIZE {
            return Err(ElfError::NotAProgram);
        }
        let entry = u64_at(file, 24)?;
        let mut program = Program {
            file,
            table,
            count,
            base: u64::MAX,
            size: 0,
            entry: 0,
        };
        let mut end = 0;
        for header in program.headers() {
            let header = header?;
            let last = header.address.checked_add(header.in_memory);
            program.base = program.base.min(header.address);
            end = end.max(last.ok_or(ElfError::BadSegments)?);
        }
        let size = end.checked_sub(program.base).filter(|&s| s <= MAX_SIZE);
        program.size = size.ok_or(ElfError::BadSegments)? as usize;
        program.entry = entry
            .checked_sub(program.base)
            .filter(|&e| e < program.size as u64)
            .ok_or(ElfError::BadSegments)? as usize;
        Ok(program)
    }

    fn headers(&self) -> impl Iterator<Item = Result<Header, ElfError>> + use<'a> {
        let (file, table) = (self.file, self.table);
        (0..self.count).filter_map(move |index| {
            let read = || {
                let at = table
                    .checked_add(index * HEADER_SIZE)
                    .ok_or(ElfError::Truncated)?;
                if u32::from_le_bytes(field(file, at)?) != LOAD {
                    return Ok(None);
                }
                let header = Header {
                    offset: u64_at(file, at + 8)?,
                    address: u64_at(file, at + 16)?,
                    in_file: u64_at(file, at + 32)?,
                    in_memory: u64_at(file, at + 40)?,
                };
                Ok((header.in_memory > 0).then_some(header))
            };
            read().transpose()
        })
    }

    /// What to copy where.
    pub fn segments(&self) -> impl Iterator<Item = Result<Segment<'a>, ElfError>> + use<'a> {
        let (file, base) = (self.file, self.base);
        self.headers().map(move |header| {
            let header = header?;
            if header.in_file > header.in_memory {
                return Err(ElfError::BadSegments);
            }
            let end = header
                .offset
                .checked_add(header.in_file)
                .ok_or(ElfError::Truncated)?;
            let bytes = file
                .get(header.offset as usize..end as usize)
                .ok_or(ElfError::Truncated)?;
            Ok(Segment {
                offset: (header.address - base) as usize,
                bytes,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of two segments: code at 0x1000 with 4 bytes, data at 0x3000 with 2 of 0x100.
    fn sample() -> Vec<u8> {
        let mut file = vec![0; 64 + 3 * 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18] = 62;
        file[24..32].copy_from_slice(&0x1002u64.to_le_bytes());
        file[32] = 64;
        file[54] = 56;
        file[56] = 3;
        for (index, kind, offset, address, in_file, in_memory) in [
            (0, 1u32, 232u64, 0x1000u64, 4u64, 4u64),
            (1, 4, 0, 0, 0, 0),
            (2, 1, 236, 0x3000, 2, 0x100),
        ] {
            let at = 64 + index * 56;
            file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            for (place, value) in [(8, offset), (16, address), (32, in_file), (40, in_memory)] {
                file[at + place..at + place + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        file.extend_from_slice(b"codeda");
        file
    }

    #[test]
    fn segments_are_placed_relative_to_the_lowest() {
        let file = sample();
        let program = Program::parse(&file).unwrap();
        assert_eq!((program.size, program.entry), (0x2100, 2));
        let segments: Vec<_> = program.segments().map(Result::unwrap).collect();
        assert_eq!(
            segments[0],
            Segment {
                offset: 0,
                bytes: b"code"
            }
        );
        assert_eq!(
            segments[1],
            Segment {
                offset: 0x2000,
                bytes: b"da"
            }
        );
    }

    #[test]
    fn cut_or_foreign_files_are_errors() {
        let file = sample();
        for len in 0..file.len() {
            let outcome = Program::parse(&file[..len])
                .and_then(|p| p.segments().collect::<Result<Vec<_>, _>>().map(|_| ()));
            assert!(outcome.is_err(), "{len} bytes pass");
        }
        let mut foreign = file.clone();
        foreign[18] = 40;
        assert_eq!(Program::parse(&foreign), Err(ElfError::NotAProgram));
    }

    #[test]
    fn wild_segments_are_errors() {
        let mut file = sample();
        file[64 + 16..64 + 24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Program::parse(&file), Err(ElfError::BadSegments));
    }
}
