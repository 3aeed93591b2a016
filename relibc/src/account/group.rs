//! `/etc/group`, and the groups that a user is in.

use super::lines::{Arena, Lines, number};
use crate::errno;
use crate::string::str::bytes;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{gid_t, group};

const PATH: &core::ffi::CStr = c"/etc/group";
const BUFFER: usize = 4096;

fn parse(line: &[u8], arena: Arena<'_>) -> Result<Option<group>, c_int> {
    let mut fields = line.split(|&byte| byte == b':');
    let mut next = || fields.next();
    let (Some(name), Some(password), Some(id), Some(members)) = (next(), next(), next(), next())
    else {
        return Ok(None);
    };
    let Some(id) = number(id) else {
        return Ok(None);
    };
    let mut arena = arena;
    let mut lay = || {
        let members = || {
            members
                .split(|&byte| byte == b',')
                .filter(|member| !member.is_empty())
        };
        let list = arena.pointers::<c_char>(members().count() + 1)?;
        for (index, member) in members().enumerate() {
            let member = arena.string(member)?;
            // SAFETY: the list has room for all members and the end.
            unsafe { *list.add(index) = member };
        }
        // SAFETY: as above.
        unsafe { *list.add(members().count()) = ptr::null_mut() };
        Some(group {
            gr_name: arena.string(name)?,
            gr_passwd: arena.string(password)?,
            gr_gid: id,
            gr_mem: list,
        })
    };
    lay().map(Some).ok_or(libc::ERANGE)
}

enum Which<'a> {
    Name(&'a [u8]),
    Number(gid_t),
}

unsafe fn find(
    which: Which<'_>,
    out: *mut group,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut group,
) -> c_int {
    *result = ptr::null_mut();
    let mut lines = match Lines::open(PATH) {
        Ok(lines) => lines,
        Err(libc::ENOENT | libc::ENOTDIR) => return 0,
        Err(error) => return error,
    };
    while let Some(line) = lines.next() {
        let mut fields = line.split(|&byte| byte == b':');
        let found = match which {
            Which::Name(name) => fields.next() == Some(name),
            Which::Number(wanted) => fields.nth(2).and_then(number) == Some(wanted),
        };
        if !found {
            continue;
        }
        match parse(
            line,
            Arena(core::slice::from_raw_parts_mut(buffer.cast(), size)),
        ) {
            Ok(Some(entry)) => {
                out.write(entry);
                *result = out;
                return 0;
            }
            Ok(None) => {}
            Err(error) => return error,
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrgid_r(
    id: gid_t,
    out: *mut group,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut group,
) -> c_int {
    find(Which::Number(id), out, buffer, size, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrnam_r(
    name: *const c_char,
    out: *mut group,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut group,
) -> c_int {
    find(Which::Name(bytes(name)), out, buffer, size, result)
}

struct Answer {
    entry: group,
    buffer: [c_char; BUFFER],
}

static mut ANSWER: Answer = Answer {
    entry: group {
        gr_name: ptr::null_mut(),
        gr_passwd: ptr::null_mut(),
        gr_gid: 0,
        gr_mem: ptr::null_mut(),
    },
    buffer: [0; BUFFER],
};

unsafe fn answer(which: Which<'_>) -> *mut group {
    let mut result = ptr::null_mut();
    let entry = &raw mut ANSWER.entry;
    let error = find(
        which,
        entry,
        (&raw mut ANSWER.buffer).cast(),
        BUFFER,
        &raw mut result,
    );
    if error != 0 {
        errno::set(error);
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrgid(id: gid_t) -> *mut group {
    answer(Which::Number(id))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrnam(name: *const c_char) -> *mut group {
    answer(Which::Name(bytes(name)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrouplist(
    user: *const c_char,
    own: gid_t,
    list: *mut gid_t,
    count: *mut c_int,
) -> c_int {
    let (user, room) = (bytes(user), (*count).max(0) as usize);
    let mut found = 0;
    let mut add = |id: gid_t| {
        if found < room {
            *list.add(found) = id;
        }
        found += 1;
    };
    add(own);
    if let Ok(mut lines) = Lines::open(PATH) {
        while let Some(line) = lines.next() {
            let mut fields = line.split(|&byte| byte == b':');
            let id = fields.nth(2).and_then(number);
            let member = fields
                .next()
                .is_some_and(|m| m.split(|&byte| byte == b',').any(|m| m == user));
            if let Some(id) = id
                && member
                && id != own
            {
                add(id);
            }
        }
    }
    *count = found as c_int;
    if found > room { -1 } else { found as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn initgroups(user: *const c_char, own: gid_t) -> c_int {
    let mut list = [0; 32];
    let mut count = list.len() as c_int;
    if getgrouplist(user, own, list.as_mut_ptr(), &raw mut count) < 0 {
        return errno::fail(libc::EINVAL) as c_int;
    }
    crate::process::identity::setgroups(count as usize, list.as_ptr())
}

static mut POSITION: usize = 0;

#[unsafe(no_mangle)]
unsafe extern "C" fn setgrent() {
    POSITION = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn endgrent() {
    POSITION = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getgrent() -> *mut group {
    let Ok(mut lines) = Lines::open(PATH) else {
        return ptr::null_mut();
    };
    let mut index = 0;
    while let Some(line) = lines.next() {
        index += 1;
        if index <= POSITION {
            continue;
        }
        POSITION = index;
        let arena = Arena(core::slice::from_raw_parts_mut(
            (&raw mut ANSWER.buffer).cast(),
            BUFFER,
        ));
        if let Ok(Some(entry)) = parse(line, arena) {
            ANSWER.entry = entry;
            return &raw mut ANSWER.entry;
        }
    }
    ptr::null_mut()
}
