//! Port I/O for drivers. Who may use which port is the kernel's decision; the ports that the
//! kernel itself depends on (interrupt controllers, its clock source) are refused here.

/// The port belongs to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Byte,
    Word,
    Dword,
}

/// Whether a driver may be given `count` ports from `first`.
#[must_use]
pub fn is_grantable(_first: u16, _count: u16) -> bool {
    todo!()
}

pub fn input(_port: u16, _width: Width) -> Result<u32, Refused> {
    todo!()
}

pub fn output(_port: u16, _width: Width, _value: u32) -> Result<(), Refused> {
    todo!()
}
