//! Questions to families that are found by name (NETLINK_GENERIC): that of the families themselves,
//! and [`taskstats`].

use super::message::{Answer, NLM_F_MULTI, Outcome, Question, attribute};
use super::{may_administrate, taskstats};
use crate::errno::{Errno, Result};

/// `NETLINK_GENERIC`.
pub const PROTOCOL: u32 = 16;

/// `struct genlmsghdr`: the command, the version, and two bytes that mean nothing.
const GENERIC_HEADER: usize = 4;

/// What a program that sends to a family must be.
const ADMIN_PERM: u32 = 1;
/// What a command can do, as the families' family tells: answer, list, check what it is sent.
const CAN_DO: u32 = 2;
const CAN_DUMP: u32 = 4;
const HAS_POLICY: u32 = 8;

struct Family {
    id: u16,
    name: &'static [u8],
    version: u32,
    /// The one command that each has, and its flags.
    command: u8,
    flags: u32,
    answer: fn(&Question<'_>, &[u8]) -> Result<Outcome>,
}

/// Their names end in NUL, as they are told.
static FAMILIES: [Family; 2] = [
    Family {
        id: 0x10,
        name: b"nlctrl\0",
        version: 2,
        command: GET_FAMILY,
        flags: CAN_DO | CAN_DUMP | HAS_POLICY,
        answer: about_families,
    },
    Family {
        id: 0x14,
        name: b"TASKSTATS\0",
        version: taskstats::VERSION,
        command: taskstats::GET,
        flags: ADMIN_PERM | CAN_DO | HAS_POLICY,
        answer: taskstats::answer,
    },
];

pub(super) fn answer(question: &Question<'_>) -> Result<Outcome> {
    let mut families = FAMILIES.iter();
    let family = families.find(|family| family.id == question.header.kind);
    let family = family.ok_or(Errno::ENOENT)?;
    let Some((header, attributes)) = question.body.split_first_chunk::<GENERIC_HEADER>() else {
        return Err(Errno::EINVAL);
    };
    if header[0] != family.command {
        return Err(Errno::EOPNOTSUPP);
    }
    if family.flags & ADMIN_PERM != 0 && !may_administrate() {
        return Err(Errno::EPERM);
    }
    if question.wants_list() && family.flags & CAN_DUMP == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    (family.answer)(question, attributes)
}

/// An answer of a family, which is yet to be given its attributes.
pub(super) fn begin(
    question: &Question<'_>,
    flags: u16,
    command: u8,
    version: u32,
) -> Result<Answer> {
    let mut answer = question.answer(question.header.kind, flags)?;
    answer.put(&[command, version as u8, 0, 0])?;
    Ok(answer)
}

/// `CTRL_CMD_GETFAMILY`, and its answer.
const GET_FAMILY: u8 = 3;
const NEW_FAMILY: u8 = 1;
/// `CTRL_ATTR_…`
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
const FAMILY_VERSION: u16 = 3;
const HEADER_SIZE: u16 = 4;
const MOST_ATTRIBUTES: u16 = 5;
const COMMANDS: u16 = 6;
const COMMAND_ID: u16 = 1;
const COMMAND_FLAGS: u16 = 2;
const NAME_MAX: usize = 15;

fn about_families(question: &Question<'_>, attributes: &[u8]) -> Result<Outcome> {
    if question.wants_list() {
        for family in &FAMILIES {
            tell(question, family, NLM_F_MULTI)?;
        }
        return Ok(Outcome::List);
    }
    let mut wanted = Err(Errno::EINVAL);
    if let Some(id) = attribute(attributes, FAMILY_ID) {
        let id = u16::from_ne_bytes(*id.first_chunk().ok_or(Errno::ERANGE)?);
        let mut families = FAMILIES.iter();
        wanted = families.find(|family| family.id == id).ok_or(Errno::ENOENT);
    }
    if let Some(name) = attribute(attributes, FAMILY_NAME) {
        let mut start = name.iter().take(NAME_MAX + 1);
        let end = start.position(|&byte| byte == 0).ok_or(Errno::EINVAL)?;
        if name.strip_suffix(b"\0").unwrap_or(name).len() > NAME_MAX {
            return Err(Errno::ERANGE);
        }
        let mut families = FAMILIES.iter();
        let named = families.find(|family| family.name == &name[..=end]);
        wanted = named.ok_or(Errno::ENOENT);
    }
    tell(question, wanted?, 0)?;
    Ok(Outcome::Done)
}

fn tell(question: &Question<'_>, family: &Family, flags: u16) -> Result {
    let mut answer = begin(question, flags, NEW_FAMILY, FAMILIES[0].version)?;
    answer.attribute(FAMILY_NAME, family.name)?;
    answer.attribute(FAMILY_ID, &family.id.to_ne_bytes())?;
    answer.attribute(FAMILY_VERSION, &family.version.to_ne_bytes())?;
    answer.attribute(HEADER_SIZE, &0_u32.to_ne_bytes())?;
    // Each command has its own.
    answer.attribute(MOST_ATTRIBUTES, &0_u32.to_ne_bytes())?;
    let commands = answer.open(COMMANDS)?;
    // The first of them.
    let command = answer.open(1)?;
    answer.attribute(COMMAND_ID, &u32::from(family.command).to_ne_bytes())?;
    answer.attribute(COMMAND_FLAGS, &family.flags.to_ne_bytes())?;
    answer.close(command);
    answer.close(commands);
    question.socket.tell(answer.finish());
    Ok(())
}
