//! C's formatted output and input, strings, numbers.

use relibc_tests::{c, show, written};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

macro_rules! printf {
    ($format:literal $(, $argument:expr)*) => {{
        let format = c($format);
        // SAFETY: formats and arguments are written to fit.
        let text = written(4000, |to, size| unsafe {
            let length = libc::snprintf(to, size, format.as_ptr() $(, $argument)*);
            assert_eq!(length as usize, libc::strlen(to));
        });
        println!("{:<12} [{text}]", $format);
    }};
}

fn numbers() {
    printf!("%d %i %u", -5i32, 7i32, 4_000_000_000u32);
    printf!("%5d|%-5d|%05d|%+d|% d", 42i32, 42i32, 42i32, 42i32, 42i32);
    printf!(
        "%.0d|%.3d|%8.3d|%-8.3d|%08.3d",
        0i32,
        5i32,
        -5i32,
        5i32,
        5i32
    );
    printf!(
        "%x %X %#x %#X %o %#o",
        255u32,
        255u32,
        255u32,
        255u32,
        8u32,
        8u32
    );
    printf!("%#o %#x %#.3o", 0u32, 0u32, 1u32);
    printf!(
        "%hhd %hd %ld %lld %zu",
        300i32,
        70000i32,
        i64::MIN,
        i64::MAX,
        usize::MAX
    );
    printf!("%*d|%-*d|%.*d", 6i32, 1i32, 6i32, 2i32, 3i32, 3i32);
    printf!("%2$s %1$s", c"world".as_ptr(), c"hello".as_ptr());
    printf!("%1$*2$d", 5i32, 8i32);
    printf!("%c%c%%", 'o' as i32, 'k' as i32);
    printf!(
        "%s|%10s|%-10s|%.2s",
        c"text".as_ptr(),
        c"text".as_ptr(),
        c"text".as_ptr(),
        c"text".as_ptr()
    );
    printf!("%s", std::ptr::null::<c_char>());
    printf!("%p", 0x1234usize as *const u8);
    printf!(
        "%ls|%lc",
        c_wide("wide \u{e9}\u{20ac}").as_ptr(),
        'w' as u32
    );
    for value in [
        0.0,
        -0.0,
        1.0,
        0.1,
        1.5,
        2.5,
        1e-5,
        123456.0,
        1234567.0,
        1e15,
        1e16,
        1e22,
        1e23,
        1e100,
        1e308,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        0.3,
        2.0 / 3.0,
        1e-10,
        9.9999995,
        99999.95,
        f64::INFINITY,
        -f64::INFINITY,
    ] {
        printf!("%f|%.0f|%.3f", value, value, value);
        printf!("%e|%.0e|%.10E", value, value, value);
        printf!("%g|%.3g|%.17g|%#g|%#.0f", value, value, value, value, value);
        printf!("%a|%.2a|%A", value, value, value);
        printf!("%+12.4f|%-14.3e|%014.5g|% g", value, value, value, value);
    }
    printf!("%.60f|%.1100f", 0.1f64, 5e-324f64);
    printf!(
        "%d %d %d %d %d %d %d %f %f %f %f %f %f %f %f %f %s",
        1i32,
        2i32,
        3i32,
        4i32,
        5i32,
        6i32,
        7i32,
        1f64,
        2f64,
        3f64,
        4f64,
        5f64,
        6f64,
        7f64,
        8f64,
        9f64,
        c"end".as_ptr()
    );
    // SAFETY: a buffer of four bytes.
    let cut = written(4, |to, size| unsafe {
        println!(
            "{}",
            libc::snprintf(to, size, c"%s".as_ptr(), c"too long".as_ptr())
        );
    });
    println!("{cut}");
}

fn c_wide(text: &str) -> Vec<libc::wchar_t> {
    text.chars()
        .map(|c| c as libc::wchar_t)
        .chain([0])
        .collect()
}

fn parsing() {
    unsafe extern "C" {
        safe fn __errno_location() -> *mut c_int;
    }
    // SAFETY: strings that end, places that are written.
    unsafe {
        for text in [
            "0",
            "42",
            "-42",
            " +7x",
            "0x1fg",
            "077",
            "0x",
            "zz",
            "",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "99999999999999999999",
        ] {
            for base in [0, 10, 16, 8, 36] {
                let text = c(text);
                let mut end = null_mut();
                *__errno_location() = 0;
                let signed = libc::strtol(text.as_ptr(), &raw mut end, base);
                let error = *__errno_location();
                let unsigned = libc::strtoul(text.as_ptr(), null_mut(), base);
                println!(
                    "{text:?} base {base}: {signed} {unsigned} rest {:?} {}",
                    show(end),
                    error == libc::ERANGE
                );
            }
        }
        for text in [
            "0",
            "1.5",
            "-2.25e3x",
            ".5",
            "5.",
            ".",
            "1e",
            "1e+",
            "inf",
            "-INFINITY",
            "nan",
            "nan(12)",
            "0x1.8p3",
            "0x.1p-4",
            "0x1p-1074",
            "0x1p-1075",
            "0x1.8p-1075",
            "0x1.fffffffffffff8p1023",
            "1e400",
            "-1e400",
            "1e-400",
            "4.9e-324",
            "2.2250738585072011e-308",
            "179769313486231580793e289",
            "8.5",
            "123456789012345678901234567890",
            "0.1000000000000000055511151231257827021181583404541015625",
            "9007199254740993",
            "9007199254740992.9999999999999999999999",
        ] {
            let text = c(text);
            let mut end = null_mut();
            let value = libc::strtod(text.as_ptr(), &raw mut end);
            println!(
                "{text:?}: {value:e} {:x} rest {:?}",
                value.to_bits() << 1 >> 1,
                show(end)
            );
        }
        let (mut a, mut b, mut n) = (0i32, 0i64, 0i32);
        let (mut x, mut y) = (0f32, 0f64);
        let (mut word, mut set) = ([0 as c_char; 32], [0 as c_char; 32]);
        let input = c"12 -0x1f abc,def 3.25 1e3end";
        let count = libc::sscanf(
            input.as_ptr(),
            c"%d %li %[a-c],%3s %f %lf%n".as_ptr(),
            &raw mut a,
            &raw mut b,
            set.as_mut_ptr(),
            word.as_mut_ptr(),
            &raw mut x,
            &raw mut y,
            &raw mut n,
        );
        println!(
            "{count}: {a} {b} {} {} {x} {y} {n}",
            show(set.as_ptr()),
            show(word.as_ptr())
        );
        println!(
            "{}",
            libc::sscanf(c"x".as_ptr(), c"%d".as_ptr(), &raw mut a)
        );
        println!("{}", libc::sscanf(c"".as_ptr(), c"%d".as_ptr(), &raw mut a));
        println!(
            "{} {a}",
            libc::sscanf(c"1234".as_ptr(), c"%2d%*d".as_ptr(), &raw mut a)
        );
        println!(
            "{} {a} {}",
            libc::sscanf(
                c"7:%:ab".as_ptr(),
                c"%i:%%:%2c".as_ptr(),
                &raw mut a,
                word.as_mut_ptr()
            ),
            show(word.as_ptr())
        );
    }
}

fn strings() {
    // SAFETY: C strings and buffers with room.
    unsafe {
        for (a, b) in [
            ("", ""),
            ("a", "b"),
            ("same text of some length", "same text of some length"),
            ("same text of some length", "same text of some lengti"),
            ("\u{e9}", "e"),
            ("abc", "ab"),
        ] {
            let (a, b) = (c(a), c(b));
            let sign = |order: c_int| order.signum();
            println!(
                "{} {} {} {}",
                sign(libc::strcmp(a.as_ptr(), b.as_ptr())),
                sign(libc::strncmp(a.as_ptr(), b.as_ptr(), 2)),
                sign(libc::strcasecmp(a.as_ptr(), b.as_ptr())),
                sign(libc::strcoll(a.as_ptr(), b.as_ptr()))
            );
        }
        let text = c"one,two;;three";
        println!(
            "{} {}",
            libc::strspn(text.as_ptr(), c"eno".as_ptr()),
            libc::strcspn(text.as_ptr(), c";,".as_ptr())
        );
        println!(
            "{} {}",
            show(libc::strchr(text.as_ptr(), 't'.into_int())),
            show(libc::strrchr(text.as_ptr(), 't'.into_int()))
        );
        println!(
            "{} {}",
            show(libc::strstr(text.as_ptr(), c"two".as_ptr())),
            show(libc::strstr(text.as_ptr(), c"four".as_ptr()))
        );
        println!("{}", show(libc::strpbrk(text.as_ptr(), c";".as_ptr())));
        let mut copy: Vec<u8> = text.to_bytes_with_nul().to_vec();
        let mut rest = null_mut();
        let mut token = libc::strtok_r(copy.as_mut_ptr().cast(), c",;".as_ptr(), &raw mut rest);
        while !token.is_null() {
            println!("token {}", show(token));
            token = libc::strtok_r(null_mut(), c",;".as_ptr(), &raw mut rest);
        }
        println!(
            "{}",
            written(8, |to, size| {
                libc::strncpy(to, c"abc".as_ptr(), size);
            })
        );
        let twice = libc::strndup(c"duplicate".as_ptr(), 3);
        println!("{}", show(twice));
        libc::free(twice.cast());
        // Every length and alignment through memcpy, memmove, memset, memcmp, memchr, strlen.
        let mut sum = 0usize;
        for length in (0..80).chain([127, 128, 255, 256, 257, 300, 511, 1000, 4097]) {
            for shift in [0, 1, 3, 7, 8, 15] {
                let source: Vec<u8> = (0..length + 40).map(|n| (n * 7 + 1) as u8 | 1).collect();
                let mut to = vec![0u8; length + 80];
                libc::memcpy(
                    to.as_mut_ptr().add(shift).cast(),
                    source.as_ptr().add(shift / 2).cast(),
                    length,
                );
                assert_eq!(
                    to[shift..shift + length],
                    source[shift / 2..shift / 2 + length]
                );
                assert!(
                    to[..shift]
                        .iter()
                        .chain(&to[shift + length..])
                        .all(|&byte| byte == 0)
                );
                let mut over = source.clone();
                libc::memmove(
                    over.as_mut_ptr().add(shift).cast(),
                    over.as_ptr().add(3).cast(),
                    length,
                );
                assert_eq!(over[shift..shift + length], source[3..3 + length]);
                libc::memset(to.as_mut_ptr().add(shift).cast(), 0x5a, length);
                assert!(to[shift..shift + length].iter().all(|&byte| byte == 0x5a));
                assert!(
                    to[..shift]
                        .iter()
                        .chain(&to[shift + length..])
                        .all(|&byte| byte == 0)
                );
                sum += libc::strlen(to.as_ptr().add(shift).cast());
                if length > 0 {
                    to[shift + length - 1] = 0x11;
                    let found = libc::memchr(to.as_ptr().add(shift).cast(), 0x11, length);
                    assert_eq!(found as usize, to.as_ptr().add(shift + length - 1) as usize);
                    let mut other = source.clone();
                    other[length - 1] = 0;
                    assert!(
                        libc::memcmp(source.as_ptr().cast(), other.as_ptr().cast(), length) > 0
                    );
                }
            }
        }
        println!("moved {sum}");
        for error in [0, 1, 2, 11, 22, 110, 133] {
            println!("{}", show(libc::strerror(error)));
        }
        println!(
            "{} {}",
            show(libc::strsignal(11)),
            show(libc::strsignal(15))
        );
    }
}

trait IntoInt {
    fn into_int(self) -> c_int;
}

impl IntoInt for char {
    fn into_int(self) -> c_int {
        self as c_int
    }
}

fn streams() {
    // SAFETY: streams are opened, used and closed in order.
    unsafe {
        let mut path = *b"/tmp/relibc-text-XXXXXX\0";
        let fd = libc::mkstemp(path.as_mut_ptr().cast());
        let file = libc::fdopen(fd, c"w+".as_ptr());
        for n in 0..2000 {
            libc::fprintf(file, c"line %d\n".as_ptr(), n as c_int);
        }
        println!("{}", libc::ftell(file));
        libc::rewind(file);
        let mut line = [0 as c_char; 64];
        libc::fgets(line.as_mut_ptr(), 64, file);
        print!("{}", show(line.as_ptr()));
        libc::fseek(file, -10, libc::SEEK_END);
        let mut rest = [0u8; 20];
        let got = libc::fread(rest.as_mut_ptr().cast(), 1, 20, file);
        println!(
            "{got} {:?} {}",
            String::from_utf8_lossy(&rest[..got]),
            libc::feof(file)
        );
        libc::fseek(file, 5, libc::SEEK_SET);
        println!("{}", libc::fgetc(file));
        libc::ungetc('Q' as c_int, file);
        println!("{} {}", libc::fgetc(file), libc::ftell(file));
        libc::fseek(file, 0, libc::SEEK_CUR);
        libc::fputs(c"XX".as_ptr(), file);
        libc::fflush(file);
        libc::rewind(file);
        libc::fgets(line.as_mut_ptr(), 64, file);
        print!("{}", show(line.as_ptr()));
        let (mut grown, mut room) = (null_mut(), 0);
        println!(
            "{} {}",
            libc::getline(&raw mut grown, &raw mut room, file),
            show(grown)
        );
        libc::free(grown.cast());
        println!("{}", libc::fclose(file));
        let again = libc::fopen(path.as_ptr().cast(), c"a+".as_ptr());
        libc::fprintf(again, c"%s".as_ptr(), c"appended".as_ptr());
        println!("{}", libc::ftell(again));
        libc::fclose(again);
        libc::unlink(path.as_ptr().cast());
        println!(
            "{}",
            libc::fopen(path.as_ptr().cast(), c"r".as_ptr()).is_null()
        );
        let (mut data, mut size) = (null_mut(), 0);
        let memory = libc::open_memstream(&raw mut data, &raw mut size);
        for n in 0..300 {
            libc::fprintf(memory, c"%d,".as_ptr(), n as c_int);
        }
        libc::fclose(memory);
        println!("{size} {}", &show(data)[size - 8..]);
        libc::free(data.cast());
        let pipe = libc::popen(c"echo from a pipe; exit 2".as_ptr(), c"r".as_ptr());
        libc::fgets(line.as_mut_ptr(), 64, pipe);
        print!("{}", show(line.as_ptr()));
        println!("{}", libc::WEXITSTATUS(libc::pclose(pipe)));
    }
}

fn main() {
    // SAFETY: a C string; one thread.
    unsafe { libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr()) };
    numbers();
    parsing();
    strings();
    streams();
}
