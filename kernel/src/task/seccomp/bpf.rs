//! Classic BPF, as far as seccomp filters may use it: what is a valid program, and what it says.
//!
//! A program is checked once, and then can't fail: jumps go forwards and stay inside, the last
//! instruction returns, memory words are written before they are read, and loads are of whole words
//! of the call's data. So it ends after as many steps as it has instructions.

use crate::errno::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

/// Instructions of one program.
pub const MAX_LEN: usize = 4096;
/// Words of scratch memory.
const WORDS: usize = 16;
/// Bytes of `struct seccomp_data`: number, architecture, instruction pointer, six arguments.
const DATA_SIZE: u32 = 64;

/// `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RawInstruction {
    pub code: u16,
    /// Where to go on, counted from the next instruction, when a comparison holds and when not.
    pub jump_true: u8,
    pub jump_false: u8,
    pub k: u32,
}

/// The call's data, in words as a program loads them.
pub type Data = [u32; DATA_SIZE as usize / 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Constant(u32),
    X,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// A checked instruction: its registers are the accumulator A and the index X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instruction {
    LoadData(u8),
    LoadConstant(u32),
    LoadWord(u8),
    LoadXConstant(u32),
    LoadXWord(u8),
    Store(u8),
    StoreX(u8),
    Arithmetic(Arithmetic, Operand),
    Negate,
    AToX,
    XToA,
    Jump(u16),
    Branch(Test, Operand, u8, u8),
    Return(u32),
    ReturnA,
}

use Instruction as I;

/// A checked program.
#[derive(Debug)]
pub struct Program(Box<[Instruction]>);

/// Fields of an instruction's code.
mod code {
    pub const LD: u16 = 0;
    pub const LDX: u16 = 1;
    pub const ST: u16 = 2;
    pub const STX: u16 = 3;
    pub const ALU: u16 = 4;
    pub const JMP: u16 = 5;
    pub const RET: u16 = 6;
    pub const MISC: u16 = 7;
    /// Addressing modes of loads; words are the only size, 0.
    pub const IMM: u16 = 0;
    pub const ABS: u16 = 0x20;
    pub const MEM: u16 = 0x60;
    pub const LEN: u16 = 0x80;
    /// The operand is X.
    pub const X: u16 = 8;
}

fn word(k: u32) -> Result<u8> {
    if (k as usize) < WORDS {
        Ok(k as u8)
    } else {
        Err(Errno::EINVAL)
    }
}

fn arithmetic(raw: RawInstruction) -> Result<Instruction> {
    let operand = if raw.code & code::X != 0 {
        Operand::X
    } else {
        Operand::Constant(raw.k)
    };
    let kind = match raw.code & 0xf0 {
        0x00 => Arithmetic::Add,
        0x10 => Arithmetic::Subtract,
        0x20 => Arithmetic::Multiply,
        0x30 => Arithmetic::Divide,
        0x40 => Arithmetic::Or,
        0x50 => Arithmetic::And,
        0x60 => Arithmetic::ShiftLeft,
        0x70 => Arithmetic::ShiftRight,
        0x80 if operand != Operand::X => return Ok(I::Negate),
        0xa0 => Arithmetic::Xor,
        _ => return Err(Errno::EINVAL),
    };
    let shift = matches!(kind, Arithmetic::ShiftLeft | Arithmetic::ShiftRight);
    match operand {
        Operand::Constant(0) if kind == Arithmetic::Divide => Err(Errno::EINVAL),
        Operand::Constant(32..) if shift => Err(Errno::EINVAL),
        _ => Ok(I::Arithmetic(kind, operand)),
    }
}

/// A jump of an instruction that `left` others follow.
fn jump(raw: RawInstruction, left: usize) -> Result<Instruction> {
    let test = match raw.code & 0xf0 {
        0x00 if raw.code & code::X == 0 => {
            let distance = u16::try_from(raw.k).map_err(|_| Errno::EINVAL)?;
            return if usize::from(distance) < left {
                Ok(I::Jump(distance))
            } else {
                Err(Errno::EINVAL)
            };
        }
        0x10 => Test::Equal,
        0x20 => Test::Greater,
        0x30 => Test::GreaterOrEqual,
        0x40 => Test::AnyBit,
        _ => return Err(Errno::EINVAL),
    };
    if usize::from(raw.jump_true.max(raw.jump_false)) >= left {
        return Err(Errno::EINVAL);
    }
    let operand = if raw.code & code::X != 0 {
        Operand::X
    } else {
        Operand::Constant(raw.k)
    };
    Ok(I::Branch(test, operand, raw.jump_true, raw.jump_false))
}

fn decode(raw: RawInstruction, left: usize) -> Result<Instruction> {
    use code::{ABS, ALU, IMM, JMP, LD, LDX, LEN, MEM, MISC, RET, ST, STX};
    const LD_ABS: u16 = LD | ABS;
    const LD_LEN: u16 = LD | LEN;
    const LD_MEM: u16 = LD | MEM;
    const LDX_IMM: u16 = LDX | IMM;
    const LDX_LEN: u16 = LDX | LEN;
    const LDX_MEM: u16 = LDX | MEM;
    const RET_A: u16 = RET | 0x10;
    const TXA: u16 = MISC | 0x80;
    Ok(match raw.code {
        LD_ABS if raw.k < DATA_SIZE && raw.k.is_multiple_of(4) => I::LoadData((raw.k / 4) as u8),
        LD => I::LoadConstant(raw.k),
        LD_LEN => I::LoadConstant(DATA_SIZE),
        LD_MEM => I::LoadWord(word(raw.k)?),
        LDX_IMM => I::LoadXConstant(raw.k),
        LDX_LEN => I::LoadXConstant(DATA_SIZE),
        LDX_MEM => I::LoadXWord(word(raw.k)?),
        ST => I::Store(word(raw.k)?),
        STX => I::StoreX(word(raw.k)?),
        RET => I::Return(raw.k),
        RET_A => I::ReturnA,
        MISC => I::AToX,
        TXA => I::XToA,
        code if code > 0xff => return Err(Errno::EINVAL),
        code if code & 7 == ALU => arithmetic(raw)?,
        code if code & 7 == JMP => jump(raw, left)?,
        _ => return Err(Errno::EINVAL),
    })
}

impl Program {
    /// Checks a program; `EINVAL` when it is none.
    pub fn check(raw: &[RawInstruction]) -> Result<Program> {
        if raw.is_empty() || raw.len() > MAX_LEN {
            return Err(Errno::EINVAL);
        }
        let mut program = Vec::new();
        program.room_exact(raw.len())?;
        for (at, &instruction) in raw.iter().enumerate() {
            program.push(decode(instruction, raw.len() - at - 1)?);
        }
        if !matches!(program.last(), Some(I::Return(_) | I::ReturnA)) {
            return Err(Errno::EINVAL);
        }
        check_words(&program)?;
        Ok(Program(program.into_boxed_slice()))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What the program says to a call.
    #[must_use]
    pub fn run(&self, data: &Data) -> u32 {
        let (mut a, mut x) = (0_u32, 0_u32);
        let mut words = [0_u32; WORDS];
        let mut at = 0;
        // A checked program returns before its end.
        while let Some(&instruction) = self.0.get(at) {
            at += 1;
            let value = |operand| match operand {
                Operand::Constant(k) => k,
                Operand::X => x,
            };
            match instruction {
                I::LoadData(index) => a = data[usize::from(index)],
                I::LoadConstant(k) => a = k,
                I::LoadWord(index) => a = words[usize::from(index)],
                I::LoadXConstant(k) => x = k,
                I::LoadXWord(index) => x = words[usize::from(index)],
                I::Store(index) => words[usize::from(index)] = a,
                I::StoreX(index) => words[usize::from(index)] = x,
                I::Arithmetic(kind, operand) => match compute(kind, a, value(operand)) {
                    Some(result) => a = result,
                    None => return 0,
                },
                I::Negate => a = a.wrapping_neg(),
                I::AToX => x = a,
                I::XToA => a = x,
                I::Jump(distance) => at += usize::from(distance),
                I::Branch(test, operand, if_true, if_false) => {
                    let other = value(operand);
                    let holds = match test {
                        Test::Equal => a == other,
                        Test::Greater => a > other,
                        Test::GreaterOrEqual => a >= other,
                        Test::AnyBit => a & other != 0,
                    };
                    at += usize::from(if holds { if_true } else { if_false });
                }
                I::Return(k) => return k,
                I::ReturnA => return a,
            }
        }
        0
    }
}

/// None where a program divides by zero, which ends it.
fn compute(kind: Arithmetic, a: u32, b: u32) -> Option<u32> {
    Some(match kind {
        Arithmetic::Add => a.wrapping_add(b),
        Arithmetic::Subtract => a.wrapping_sub(b),
        Arithmetic::Multiply => a.wrapping_mul(b),
        Arithmetic::Divide => a.checked_div(b)?,
        Arithmetic::And => a & b,
        Arithmetic::Or => a | b,
        Arithmetic::Xor => a ^ b,
        Arithmetic::ShiftLeft => a.wrapping_shl(b),
        Arithmetic::ShiftRight => a.wrapping_shr(b),
    })
}

/// On each way to a load, the word was stored before: one bit a word, joined where ways meet.
fn check_words(program: &[Instruction]) -> Result {
    let mut ways = Vec::new();
    ways.room_exact(program.len())?;
    ways.resize(program.len(), u16::MAX);
    let mut stored = 0_u16;
    for (at, instruction) in program.iter().enumerate() {
        stored &= ways[at];
        let mut goes = |distance: usize, stored: u16| {
            if let Some(way) = ways.get_mut(at + 1 + distance) {
                *way &= stored;
            }
        };
        match *instruction {
            I::Store(index) | I::StoreX(index) => stored |= 1 << index,
            I::LoadWord(index) | I::LoadXWord(index) if stored & 1 << index == 0 => {
                return Err(Errno::EINVAL);
            }
            I::Jump(distance) => {
                goes(usize::from(distance), stored);
                stored = u16::MAX;
            }
            I::Branch(_, _, if_true, if_false) => {
                goes(usize::from(if_true), stored);
                goes(usize::from(if_false), stored);
                stored = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Data, MAX_LEN, Program, RawInstruction};
    use crate::errno::Errno;

    const RET_K: u16 = 6;
    const RET_A: u16 = 0x16;
    const LD_ABS: u16 = 0x20;
    const LD_IMM: u16 = 0;
    const LDX_IMM: u16 = 1;
    const LD_MEM: u16 = 0x60;
    const LDX_MEM: u16 = 0x61;
    const ST: u16 = 2;
    const STX: u16 = 3;
    const TAX: u16 = 7;
    const TXA: u16 = 0x87;
    const JA: u16 = 5;
    const JEQ_K: u16 = 0x15;
    const JEQ_X: u16 = 0x1d;
    const JGT_K: u16 = 0x25;
    const JGE_K: u16 = 0x35;
    const JSET_K: u16 = 0x45;
    const NEG: u16 = 0x84;

    fn op(code: u16, k: u32) -> RawInstruction {
        RawInstruction {
            code,
            jump_true: 0,
            jump_false: 0,
            k,
        }
    }

    fn branch(code: u16, k: u32, jump_true: u8, jump_false: u8) -> RawInstruction {
        RawInstruction {
            code,
            jump_true,
            jump_false,
            k,
        }
    }

    fn run(program: &[RawInstruction]) -> u32 {
        let mut data: Data = [0; 16];
        for (index, word) in data.iter_mut().enumerate() {
            *word = 100 + index as u32;
        }
        Program::check(program).expect("valid").run(&data)
    }

    fn refused(program: &[RawInstruction]) {
        let checked = Program::check(program).map(|_| ());
        assert_eq!(checked, Err(Errno::EINVAL), "{program:?}");
    }

    #[test]
    fn programs_return() {
        assert_eq!(run(&[op(RET_K, 7)]), 7);
        assert_eq!(run(&[op(LD_IMM, 8), op(RET_A, 0)]), 8);
        assert_eq!(run(&[op(LD_ABS, 0), op(RET_A, 0)]), 100);
        assert_eq!(run(&[op(LD_ABS, 60), op(RET_A, 0)]), 115);
        // The data's length, into A and by way of X.
        assert_eq!(run(&[op(0x80, 0), op(RET_A, 0)]), 64);
        assert_eq!(run(&[op(0x81, 0), op(TXA, 0), op(RET_A, 0)]), 64);
    }

    #[test]
    fn arithmetic_wraps() {
        let by = |code: u16, a: u32, b: u32| {
            let constant = run(&[op(LD_IMM, a), op(code, b), op(RET_A, 0)]);
            let index = run(&[op(LDX_IMM, b), op(LD_IMM, a), op(code | 8, 0), op(RET_A, 0)]);
            assert_eq!(constant, index, "{code:#x}");
            constant
        };
        assert_eq!(by(0x04, u32::MAX, 2), 1);
        assert_eq!(by(0x14, 1, 2), u32::MAX);
        assert_eq!(by(0x24, 1 << 31, 2), 0);
        assert_eq!(by(0x34, 7, 2), 3);
        assert_eq!(by(0x44, 5, 2), 7);
        assert_eq!(by(0x54, 7, 2), 2);
        assert_eq!(by(0x64, 1, 31), 1 << 31);
        assert_eq!(by(0x74, 1 << 31, 31), 1);
        assert_eq!(by(0xa4, 6, 3), 5);
        assert_eq!(run(&[op(LD_IMM, 1), op(NEG, 0), op(RET_A, 0)]), u32::MAX);
    }

    #[test]
    fn what_only_a_run_can_tell() {
        let by_x =
            |code: u16, x: u32| run(&[op(LDX_IMM, x), op(LD_IMM, 9), op(code, 0), op(RET_A, 0)]);
        // A division by zero ends the program with 0: the thread is killed.
        assert_eq!(by_x(0x3c, 0), 0);
        // Shifts count by their lowest five bits.
        assert_eq!(by_x(0x6c, 33), 18);
        assert_eq!(by_x(0x7c, 32), 9);
    }

    #[test]
    fn branches() {
        let taken = |code: u16, a: u32, k: u32| {
            run(&[
                op(LD_IMM, a),
                op(LDX_IMM, k),
                branch(code, k, 1, 0),
                op(RET_K, 0),
                op(RET_K, 1),
            ]) == 1
        };
        assert!(taken(JEQ_K, 3, 3) && !taken(JEQ_K, 3, 4));
        assert!(taken(JEQ_X, 3, 3) && !taken(JEQ_X, 3, 4));
        assert!(taken(JGT_K, 4, 3) && !taken(JGT_K, 3, 3));
        assert!(taken(JGT_K, u32::MAX, 1));
        assert!(taken(JGE_K, 3, 3) && !taken(JGE_K, 2, 3));
        assert!(taken(JSET_K, 6, 2) && !taken(JSET_K, 5, 2));
        assert_eq!(run(&[op(JA, 1), op(RET_K, 0), op(RET_K, 5)]), 5);
    }

    #[test]
    fn memory() {
        let program = [
            op(LD_IMM, 5),
            op(ST, 15),
            op(LDX_IMM, 6),
            op(STX, 0),
            op(LD_MEM, 0),
            op(LDX_MEM, 15),
            op(0x0c, 0),
            op(TAX, 0),
            op(TXA, 0),
            op(RET_A, 0),
        ];
        assert_eq!(run(&program), 11);
    }

    #[test]
    fn words_are_stored_before_they_are_loaded() {
        refused(&[op(LD_MEM, 0), op(RET_A, 0)]);
        refused(&[op(LDX_MEM, 3), op(RET_K, 0)]);
        refused(&[op(ST, 1), op(LD_MEM, 2), op(RET_A, 0)]);
        // One of two ways stores it not.
        refused(&[
            branch(JEQ_K, 0, 0, 1),
            op(ST, 2),
            op(LD_MEM, 2),
            op(RET_A, 0),
        ]);
        let both = [
            branch(JEQ_K, 0, 0, 2),
            op(ST, 2),
            op(JA, 1),
            op(STX, 2),
            op(LD_MEM, 2),
            op(RET_A, 0),
        ];
        assert!(Program::check(&both).is_ok());
    }

    #[test]
    fn jumps_stay_inside() {
        refused(&[op(JA, 0)]);
        refused(&[op(JA, 1), op(RET_K, 0)]);
        refused(&[op(JA, u32::MAX), op(RET_K, 0)]);
        refused(&[op(JA, u32::MAX - 1), op(RET_K, 0)]);
        refused(&[op(JA, 0x1_0000), op(RET_K, 0)]);
        refused(&[branch(JEQ_K, 0, 1, 0), op(RET_K, 0)]);
        refused(&[branch(JEQ_K, 0, 0, 255), op(RET_K, 0)]);
    }

    #[test]
    fn programs_end_by_a_return() {
        refused(&[]);
        refused(&[op(LD_IMM, 0)]);
        refused(&[op(RET_K, 0), op(LD_IMM, 0)]);
        refused(&[op(RET_K, 0), op(JA, 0)]);
        assert!(Program::check(&[op(RET_K, 0); MAX_LEN]).is_ok());
        refused(&[op(RET_K, 0); MAX_LEN + 1]);
    }

    #[test]
    fn other_instructions_are_refused() {
        // Words that aren't aligned or not there, bytes and halves of packets, X as an index.
        for k in [1, 2, 62, 64, u32::MAX, 0xffff_f000] {
            refused(&[op(LD_ABS, k), op(RET_A, 0)]);
        }
        for code in [0x28, 0x30, 0x40, 0x48, 0x50, 0xb1, 0xa1] {
            refused(&[op(code, 0), op(RET_A, 0)]);
        }
        // Remainders, division by nothing, shifts by too much, memory that isn't there.
        for (code, k) in [
            (0x94, 1),
            (0x9c, 0),
            (0x34, 0),
            (0x64, 32),
            (0x74, u32::MAX),
            (ST, 16),
            (STX, u32::MAX),
            (0x8c, 0),
            (0xb4, 0),
            (0x55, 0),
            (0x0d, 0),
            (0x0e, 0),
            (0x26, 0),
        ] {
            refused(&[op(LD_IMM, 0), op(code, k), op(RET_A, 0)]);
        }
    }

    #[test]
    fn no_code_is_taken_that_linux_does_not_know() {
        // seccomp_check_filter's list.
        const KNOWN: [u16; 42] = [
            0x00, 0x01, 0x02, 0x03, 0x20, 0x60, 0x61, 0x80, 0x81, 0x07, 0x87, 0x06, 0x16, 0x05,
            0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c,
            0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0xa4, 0xac, 0x06,
        ];
        for code in 0..=u16::MAX {
            let program = [op(ST, 4), op(STX, 4), op(code, 4), op(RET_K, 0)];
            // The jump goes too far by 4.
            let program = if code == JA {
                [op(ST, 4), op(STX, 4), op(code, 0), op(RET_K, 0)]
            } else {
                program
            };
            let taken = Program::check(&program).is_ok();
            assert_eq!(taken, KNOWN.contains(&code), "{code:#x}");
        }
    }

    #[test]
    fn any_program_that_is_taken_ends() {
        // Random programs, mostly of known codes; most are refused, and none may do harm.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut taken = 0;
        for _ in 0..200_000 {
            let len = next() as usize % 12 + 1;
            let program: alloc::vec::Vec<_> = (0..len)
                .map(|at| {
                    let bits = next();
                    let code = if at + 1 == len {
                        RET_A
                    } else {
                        bits as u16 & 0xff
                    };
                    branch(
                        code,
                        (bits >> 16) as u32 & if bits & 1 << 60 == 0 { 15 } else { u32::MAX },
                        (bits >> 48) as u8 & 7,
                        (bits >> 56) as u8 & 7,
                    )
                })
                .collect();
            if let Ok(program) = Program::check(&program) {
                taken += 1;
                let _ = program.run(&[bits_of(next()); 16]);
            }
        }
        assert!(taken > 1000, "{taken}");
    }

    fn bits_of(word: u64) -> u32 {
        (word >> 32) as u32
    }
}
