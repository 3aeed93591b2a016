//! `getopt` and `getopt_long`, as glibc has them: options may stand behind operands unless POSIXLY_CORRECT or a leading `+`
//! says otherwise; then the operands are moved to the end.

use crate::string::find::strchrnul;
use crate::string::str::bytes;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;

#[unsafe(no_mangle)]
static mut optarg: *mut c_char = ptr::null_mut();
#[unsafe(no_mangle)]
static mut optind: c_int = 1;
#[unsafe(no_mangle)]
static mut opterr: c_int = 1;
#[unsafe(no_mangle)]
static mut optopt: c_int = b'?' as c_int;
#[unsafe(no_mangle)]
static mut optreset: c_int = 0;

/// Where in a cluster of short options (`-abc`) the next one is.
static mut INSIDE: usize = 0;

/// getopt.h's `struct option`.
#[repr(C)]
pub struct LongOption {
    name: *const c_char,
    argument: c_int,
    flag: *mut c_int,
    value: c_int,
}

type Arguments = *const *mut c_char;

#[unsafe(no_mangle)]
unsafe extern "C" fn getopt(count: c_int, arguments: Arguments, options: *const c_char) -> c_int {
    next(
        count,
        arguments,
        options,
        ptr::null(),
        ptr::null_mut(),
        false,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __posix_getopt(
    count: c_int,
    arguments: Arguments,
    options: *const c_char,
) -> c_int {
    next(
        count,
        arguments,
        options,
        ptr::null(),
        ptr::null_mut(),
        false,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getopt_long(
    count: c_int,
    arguments: Arguments,
    options: *const c_char,
    long: *const LongOption,
    index: *mut c_int,
) -> c_int {
    next(count, arguments, options, long, index, false)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getopt_long_only(
    count: c_int,
    arguments: Arguments,
    options: *const c_char,
    long: *const LongOption,
    index: *mut c_int,
) -> c_int {
    next(count, arguments, options, long, index, true)
}

unsafe fn complain(arguments: Arguments, silent: bool, text: &[u8], option: &[u8]) {
    if opterr == 0 || silent {
        return;
    }
    let mut stream = crate::stdio::stream::File::lock(crate::stdio::stream::stderr.0);
    let parts: [&[u8]; 5] = [bytes(*arguments), b": ", text, option, b"'\n"];
    for part in parts {
        stream.write(part);
    }
}

unsafe fn next(
    count: c_int,
    arguments: Arguments,
    options: *const c_char,
    long: *const LongOption,
    index: *mut c_int,
    long_only: bool,
) -> c_int {
    if optind == 0 || optreset != 0 {
        optind = 1;
        optreset = 0;
        INSIDE = 0;
    }
    let mut options = bytes(options);
    let mut in_order = crate::environ::find(c"POSIXLY_CORRECT").is_some();
    let mut operands_too = false;
    match options.first() {
        Some(b'+') => {
            in_order = true;
            options = &options[1..];
        }
        Some(b'-') => {
            operands_too = true;
            options = &options[1..];
        }
        _ => {}
    }
    let silent = options.first() == Some(&b':');
    if INSIDE > 0 {
        return short(count, arguments, options, silent);
    }
    let list = arguments.cast_mut();
    let skipped = optind;
    while optind < count {
        let argument = *arguments.add(optind as usize);
        if argument.is_null() {
            break;
        }
        let text = bytes(argument);
        if text.len() >= 2 && text[0] == b'-' {
            break;
        }
        if operands_too {
            optarg = argument;
            optind += 1;
            return 1;
        }
        if in_order {
            return -1;
        }
        optind += 1;
    }
    if optind >= count || (*arguments.add(optind as usize)).is_null() {
        optind = skipped;
        return -1;
    }
    // The operands that were skipped go behind what is consumed now.
    let operands = (optind - skipped) as usize;
    let first = optind;
    let text = bytes(*arguments.add(optind as usize));
    let result = if text == b"--" {
        optind += 1;
        -1
    } else if !long.is_null()
        && (text[1] == b'-' || long_only && (text.len() > 2 || !options.contains(&text[1])))
    {
        optind += 1;
        long_option(count, arguments, text, long, index, silent)
    } else {
        INSIDE = 1;
        short(count, arguments, options, silent)
    };
    // A cluster is moved when its last option is taken, so its word is counted here only if it is done.
    if operands > 0 {
        let moved = (optind.max(first + 1) - first) as usize;
        let all = core::slice::from_raw_parts_mut(list.add(skipped as usize), operands + moved);
        all.rotate_left(operands);
        optind -= operands as c_int;
    }
    result
}

unsafe fn short(count: c_int, arguments: Arguments, options: &[u8], silent: bool) -> c_int {
    let argument = *arguments.add(optind as usize);
    let text = bytes(argument);
    let option = text[INSIDE];
    INSIDE += 1;
    let last = INSIDE >= text.len();
    let found = options
        .iter()
        .position(|&known| known == option && known != b':');
    let Some(found) = found else {
        optopt = option.into();
        if last {
            INSIDE = 0;
            optind += 1;
        }
        complain(arguments, silent, b"unrecognized option: '", &[option]);
        return b'?'.into();
    };
    let takes = options.get(found + 1) == Some(&b':');
    let optional = takes && options.get(found + 2) == Some(&b':');
    optarg = ptr::null_mut();
    if !takes {
        if last {
            INSIDE = 0;
            optind += 1;
        }
        return option.into();
    }
    if !last {
        optarg = argument.add(INSIDE);
    } else if !optional {
        if optind + 1 >= count {
            INSIDE = 0;
            optind += 1;
            optopt = option.into();
            complain(
                arguments,
                silent,
                b"option requires an argument: '",
                &[option],
            );
            return if silent { b':'.into() } else { b'?'.into() };
        }
        optind += 1;
        optarg = *arguments.add(optind as usize);
    }
    INSIDE = 0;
    optind += 1;
    option.into()
}

unsafe fn long_option(
    count: c_int,
    arguments: Arguments,
    text: &[u8],
    long: *const LongOption,
    index: *mut c_int,
    silent: bool,
) -> c_int {
    let name_start = if text[1] == b'-' { 2 } else { 1 };
    let name = text[name_start..]
        .split(|&byte| byte == b'=')
        .next()
        .unwrap_or(&[]);
    let (mut found, mut ambiguous) = (None, false);
    let mut at = 0;
    while !(*long.add(at)).name.is_null() {
        let known = CStr::from_ptr((*long.add(at)).name).to_bytes();
        if known == name {
            (found, ambiguous) = (Some(at), false);
            break;
        }
        if known.starts_with(name) {
            ambiguous |= found.is_some();
            found = found.or(Some(at));
        }
        at += 1;
    }
    let Some(at) = found.filter(|_| !ambiguous) else {
        optopt = 0;
        let what: &[u8] = if ambiguous {
            b"option is ambiguous: '"
        } else {
            b"unrecognized option: '"
        };
        complain(arguments, silent, what, name);
        return b'?'.into();
    };
    let option = &*long.add(at);
    optarg = ptr::null_mut();
    let value_at = strchrnul(text.as_ptr().cast(), b'='.into());
    let has_value = *value_at != 0;
    match (option.argument, has_value) {
        (0, true) => {
            optopt = option.value;
            complain(arguments, silent, b"option takes no argument: '", name);
            return b'?'.into();
        }
        (1 | 2, true) => optarg = value_at.add(1),
        (1, false) => {
            if optind >= count {
                optopt = option.value;
                complain(arguments, silent, b"option requires an argument: '", name);
                return if silent { b':'.into() } else { b'?'.into() };
            }
            optarg = *arguments.add(optind as usize);
            optind += 1;
        }
        _ => {}
    }
    if !index.is_null() {
        *index = at as c_int;
    }
    if option.flag.is_null() {
        return option.value;
    }
    *option.flag = option.value;
    0
}
