//! How much stack the kernel's functions take.
//!
//! A kernel stack is 32 KiB and ends in a page that nothing is at. What the compiler inlines adds to the
//! frame of the function that it is inlined into, and no diff shows it; so the built kernel is looked at.

use anyhow::{Context, Result, bail};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The largest frame: a page, which is the largest buffer that a function may have, and what it
/// needs besides.
const LIMIT: u64 = 4096 + 512;
/// Functions that may have more, by how their names begin, how much, and why.
const EXCEPTIONS: [(&str, u64, &str); 1] = [(
    "ochre_hal::boot::",
    12 << 10,
    "they run once, below nothing else, and before there is a heap",
)];

/// Large frames are taken page by page, each touched at once: nothing steps over what is below a stack.
const PAGE: u64 = 4096;
/// Numbers beyond this are no frame's: other bytes that look like the instruction.
const MOST: u64 = 1 << 24;

/// A function, and the bytes that it takes of the stack.
struct Function {
    frame: u64,
    name: String,
}

/// Fails where a function of this kernel, which still has its symbols, takes too much of the stack.
pub fn check(kernel: &Path) -> Result<()> {
    let bytes = fs::read(kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
    let mut functions = functions(&bytes)?;
    functions.retain(|function| function.frame > limit_of(&function.name));
    if functions.is_empty() {
        return Ok(());
    }
    functions.sort_by_key(|function| std::cmp::Reverse(function.frame));
    let mut all = String::new();
    for Function { frame, name } in functions {
        let limit = limit_of(&name);
        // A String takes all that is written to it.
        let _ = write!(
            all,
            "\n  {frame} bytes, of {limit} that it may take: {name}"
        );
    }
    bail!(
        "functions take too much of a kernel stack:{all}\n\
        put what is large into a Box or a Vec, or keep a callee that has it from being inlined \
        (#[inline(never)]) into one that calls others"
    );
}

fn limit_of(name: &str) -> u64 {
    // An implementation's name begins with the type.
    let name = name.trim_start_matches('<');
    let exception = EXCEPTIONS
        .iter()
        .find(|(start, ..)| name.starts_with(start));
    exception.map_or(LIMIT, |(_, limit, _)| *limit)
}

/// All functions of an ELF file.
fn functions(elf: &[u8]) -> Result<Vec<Function>> {
    let elf = ElfFile64::<Endianness>::parse(elf)?;
    let mut functions = Vec::new();
    for symbol in elf.symbols() {
        if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
            continue;
        }
        let Some(section) = symbol.section_index() else {
            continue;
        };
        let section = elf.section_by_index(section)?;
        if let Some(code) = section.data_range(symbol.address(), symbol.size())? {
            functions.push(Function {
                frame: frame(code),
                name: format!("{:#}", rustc_demangle::demangle(symbol.name()?)),
            });
        }
    }
    if functions.is_empty() {
        bail!("it has no symbols of functions");
    }
    Ok(functions)
}

/// The bytes that a function's prologue takes of the stack, but for saved registers.
///
/// A prologue may come late, after a test whether there is anything to do, so all of the function is looked
/// at. Takings of less than 128 bytes have another form; they are of no account here, and calls whose
/// arguments are on the stack make such anywhere.
fn frame(code: &[u8]) -> u64 {
    /// `sub rsp, …`
    const SUB: [u8; 3] = [0x48, 0x81, 0xec];
    /// Where a loop over pages is to end: `sub r11, …`, after `mov r11, rsp`.
    const SUB_END: [u8; 3] = [0x49, 0x81, 0xeb];
    /// The same as `lea r11, [rsp - …]`.
    const LEA_END: [u8; 4] = [0x4c, 0x8d, 0x9c, 0x24];
    let mut frame = 0;
    for at in 0..code.len() {
        let rest = &code[at..];
        let taken = if let Some(number) = operand(rest, &SUB) {
            number
        } else {
            let end =
                operand(rest, &SUB_END).or_else(|| operand(rest, &LEA_END).map(i64::wrapping_neg));
            // The loop's body counts by itself, once.
            end.unwrap_or(0) - PAGE as i64
        };
        if let Ok(taken @ 128..MOST) = u64::try_from(taken) {
            frame += taken;
        }
    }
    frame
}

/// The number of four bytes that follows this instruction's other bytes.
fn operand(code: &[u8], instruction: &[u8]) -> Option<i64> {
    let number = code.strip_prefix(instruction)?.first_chunk()?;
    Some(i64::from(i32::from_le_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `push rbx; mov rbx, rdi; sub rsp, 0x258`
    const SMALL: [u8; 11] = [
        0x53, 0x48, 0x89, 0xfb, 0x48, 0x81, 0xec, 0x58, 0x02, 0x00, 0x00,
    ];
    /// `test rdi, rdi; jz +0x7f; sub rsp, 0x1000; mov qword [rsp], 0; sub rsp, 0xa88`
    const LATE: [u8; 27] = [
        0x48, 0x85, 0xff, 0x74, 0x7f, 0x48, 0x81, 0xec, 0x00, 0x10, 0x00, 0x00, 0x48, 0xc7, 0x04,
        0x24, 0x00, 0x00, 0x00, 0x00, 0x48, 0x81, 0xec, 0x88, 0x0a, 0x00, 0x00,
    ];
    /// `mov r11, rsp; sub r11, 0x9000`, the loop, `sub rsp, 0xc48`
    const LOOP: [u8; 37] = [
        0x49, 0x89, 0xe3, 0x49, 0x81, 0xeb, 0x00, 0x90, 0x00, 0x00, 0x48, 0x81, 0xec, 0x00, 0x10,
        0x00, 0x00, 0x48, 0xc7, 0x04, 0x24, 0x00, 0x00, 0x00, 0x00, 0x4c, 0x39, 0xdc, 0x75, 0xec,
        0x48, 0x81, 0xec, 0x48, 0x0c, 0x00, 0x00,
    ];

    #[test]
    fn a_frame_is_what_the_prologue_takes() {
        assert_eq!(frame(&[]), 0);
        assert_eq!(frame(&[0x48, 0x83, 0xec, 0x78, 0xc3]), 0);
        assert_eq!(frame(&SMALL), 0x258);
        assert_eq!(frame(&LATE), 0x1a88);
        assert_eq!(frame(&LOOP), 0x9c48);
        // lea r11, [rsp - 0x9000] instead of the two.
        let lea = [
            &[0x4c, 0x8d, 0x9c, 0x24, 0x00, 0x70, 0xff, 0xff],
            &LOOP[10..],
        ]
        .concat();
        assert_eq!(frame(&lea), 0x9c48);
        // What is cut off, and what no frame is as large as.
        assert_eq!(frame(&SMALL[..9]), 0);
        assert_eq!(frame(&[0x48, 0x81, 0xec, 0, 0, 0, 0x7f]), 0);
    }

    #[test]
    fn what_runs_at_boot_may_take_more() {
        assert_eq!(limit_of("ochre_kernel::task::clone::start"), LIMIT);
        assert!(limit_of("ochre_hal::boot::start::start") > LIMIT);
        assert!(limit_of("<ochre_hal::boot::page::Page as core::ops::Drop>::drop") > LIMIT);
    }
}
