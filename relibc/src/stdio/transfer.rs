//! Bytes in and out of streams.

use super::stream::{File, stdin, stdout};
use core::ffi::{c_char, c_int, c_void};

const EOF: c_int = -1;

unsafe fn get(file: *mut File) -> c_int {
    File::lock(file).byte().map_or(EOF, c_int::from)
}

unsafe fn put(byte: c_int, file: *mut File) -> c_int {
    if File::lock(file).write(&[byte as u8]) == 1 {
        c_int::from(byte as u8)
    } else {
        EOF
    }
}

macro_rules! names {
    ($($name:ident($($a:ident: $t:ty),*) -> $r:ty = $body:expr;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($a: $t),*) -> $r { $body }
    )* };
}
names! {
    fgetc(file: *mut File) -> c_int = get(file);
    getc(file: *mut File) -> c_int = get(file);
    _IO_getc(file: *mut File) -> c_int = get(file);
    getc_unlocked(file: *mut File) -> c_int = get(file);
    fgetc_unlocked(file: *mut File) -> c_int = get(file);
    getchar() -> c_int = get(stdin.0.cast_mut());
    getchar_unlocked() -> c_int = get(stdin.0.cast_mut());
    fputc(byte: c_int, file: *mut File) -> c_int = put(byte, file);
    putc(byte: c_int, file: *mut File) -> c_int = put(byte, file);
    _IO_putc(byte: c_int, file: *mut File) -> c_int = put(byte, file);
    putc_unlocked(byte: c_int, file: *mut File) -> c_int = put(byte, file);
    fputc_unlocked(byte: c_int, file: *mut File) -> c_int = put(byte, file);
    putchar(byte: c_int) -> c_int = put(byte, stdout.0.cast_mut());
    putchar_unlocked(byte: c_int) -> c_int = put(byte, stdout.0.cast_mut());
    fread_unlocked(to: *mut c_void, size: usize, count: usize, file: *mut File) -> usize = fread(to, size, count, file);
    fwrite_unlocked(from: *const c_void, size: usize, count: usize, file: *mut File) -> usize = fwrite(from, size, count, file);
    fputs_unlocked(text: *const c_char, file: *mut File) -> c_int = fputs(text, file);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ungetc(byte: c_int, file: *mut File) -> c_int {
    if byte != EOF && File::lock(file).unread(byte as u8) {
        c_int::from(byte as u8)
    } else {
        EOF
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fread(
    to: *mut c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(total) = size.checked_mul(count).filter(|&total| total > 0) else {
        return 0;
    };
    File::lock(file).read(to.cast(), total) / size
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwrite(
    from: *const c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(total) = size.checked_mul(count).filter(|&total| total > 0) else {
        return 0;
    };
    File::lock(file).write(core::slice::from_raw_parts(from.cast(), total)) / size
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputs(text: *const c_char, file: *mut File) -> c_int {
    let text = crate::string::str::bytes(text);
    if File::lock(file).write(text) == text.len() {
        0
    } else {
        EOF
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn puts(text: *const c_char) -> c_int {
    let text = crate::string::str::bytes(text);
    let mut stream = File::lock(stdout.0);
    let fine = stream.write(text) == text.len() && stream.write(b"\n") == 1;
    if fine { 0 } else { EOF }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getw(file: *mut File) -> c_int {
    let mut word = 0;
    if fread((&raw mut word).cast(), 4, 1, file) == 1 {
        word
    } else {
        EOF
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn putw(word: c_int, file: *mut File) -> c_int {
    c_int::from(fwrite((&raw const word).cast(), 4, 1, file) != 1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn perror(prefix: *const c_char) {
    let error = crate::errno::get();
    let mut stream = File::lock(super::stream::stderr.0);
    if !prefix.is_null() && *prefix != 0 {
        stream.write(crate::string::str::bytes(prefix));
        stream.write(b": ");
    }
    stream.write(crate::string::str::bytes(crate::string::error::strerror(
        error,
    )));
    stream.write(b"\n");
}
