//! `math.h`, from the `libm` crate. `long double` functions take and return x87 values in memory and on the x87 stack, which
//! Rust cannot name: the few that C programs of the system need go through a double (their results have its precision).

use core::ffi::{c_int, c_long};

macro_rules! one {
    ($($name:ident $single:ident;)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(x: f64) -> f64 { libm::$name(x) }
        #[unsafe(no_mangle)]
        extern "C" fn $single(x: f32) -> f32 { libm::$single(x) }
    )* };
}
one! {
    acos acosf; acosh acoshf; asin asinf; asinh asinhf; atan atanf; atanh atanhf; cbrt cbrtf; ceil ceilf;
    cos cosf; cosh coshf; erf erff; erfc erfcf; exp expf; exp10 exp10f; exp2 exp2f; expm1 expm1f; fabs fabsf;
    floor floorf; j0 j0f; j1 j1f; log logf; log10 log10f; log1p log1pf; log2 log2f; rint rintf; round roundf;
    roundeven roundevenf; sin sinf; sinh sinhf; sqrt sqrtf; tan tanf; tanh tanhf; tgamma tgammaf; trunc truncf;
    y0 y0f; y1 y1f;
}

macro_rules! two {
    ($($name:ident $single:ident;)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(x: f64, y: f64) -> f64 { libm::$name(x, y) }
        #[unsafe(no_mangle)]
        extern "C" fn $single(x: f32, y: f32) -> f32 { libm::$single(x, y) }
    )* };
}
two! {
    atan2 atan2f; copysign copysignf; fdim fdimf; fmax fmaxf; fmin fminf; fmod fmodf; hypot hypotf;
    nextafter nextafterf; pow powf; remainder remainderf;
}

#[unsafe(no_mangle)]
extern "C" fn fma(x: f64, y: f64, z: f64) -> f64 {
    libm::fma(x, y, z)
}

#[unsafe(no_mangle)]
extern "C" fn fmaf(x: f32, y: f32, z: f32) -> f32 {
    libm::fmaf(x, y, z)
}

/// The rounding mode is always to nearest, so it is `rint`.
#[unsafe(no_mangle)]
extern "C" fn nearbyint(x: f64) -> f64 {
    libm::rint(x)
}

#[unsafe(no_mangle)]
extern "C" fn nearbyintf(x: f32) -> f32 {
    libm::rintf(x)
}

#[unsafe(no_mangle)]
extern "C" fn lround(x: f64) -> c_long {
    libm::round(x) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn lroundf(x: f32) -> c_long {
    libm::roundf(x) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn llround(x: f64) -> i64 {
    libm::round(x) as i64
}

#[unsafe(no_mangle)]
extern "C" fn llroundf(x: f32) -> i64 {
    libm::roundf(x) as i64
}

#[unsafe(no_mangle)]
extern "C" fn lrint(x: f64) -> c_long {
    libm::rint(x) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn lrintf(x: f32) -> c_long {
    libm::rintf(x) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn llrint(x: f64) -> i64 {
    libm::rint(x) as i64
}

#[unsafe(no_mangle)]
extern "C" fn llrintf(x: f32) -> i64 {
    libm::rintf(x) as i64
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sincos(x: f64, sin: *mut f64, cos: *mut f64) {
    (*sin, *cos) = libm::sincos(x);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sincosf(x: f32, sin: *mut f32, cos: *mut f32) {
    (*sin, *cos) = libm::sincosf(x);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn frexp(x: f64, exponent: *mut c_int) -> f64 {
    let (fraction, found) = libm::frexp(x);
    *exponent = found;
    fraction
}

#[unsafe(no_mangle)]
unsafe extern "C" fn frexpf(x: f32, exponent: *mut c_int) -> f32 {
    let (fraction, found) = libm::frexpf(x);
    *exponent = found;
    fraction
}

#[unsafe(no_mangle)]
unsafe extern "C" fn modf(x: f64, whole: *mut f64) -> f64 {
    let (fraction, found) = libm::modf(x);
    *whole = found;
    fraction
}

#[unsafe(no_mangle)]
unsafe extern "C" fn modff(x: f32, whole: *mut f32) -> f32 {
    let (fraction, found) = libm::modff(x);
    *whole = found;
    fraction
}

#[unsafe(no_mangle)]
unsafe extern "C" fn remquo(x: f64, y: f64, quotient: *mut c_int) -> f64 {
    let (rest, found) = libm::remquo(x, y);
    *quotient = found;
    rest
}

#[unsafe(no_mangle)]
unsafe extern "C" fn remquof(x: f32, y: f32, quotient: *mut c_int) -> f32 {
    let (rest, found) = libm::remquof(x, y);
    *quotient = found;
    rest
}

#[unsafe(no_mangle)]
extern "C" fn ldexp(x: f64, n: c_int) -> f64 {
    libm::ldexp(x, n)
}

#[unsafe(no_mangle)]
extern "C" fn ldexpf(x: f32, n: c_int) -> f32 {
    libm::ldexpf(x, n)
}

#[unsafe(no_mangle)]
extern "C" fn scalbn(x: f64, n: c_int) -> f64 {
    libm::scalbn(x, n)
}

#[unsafe(no_mangle)]
extern "C" fn scalbnf(x: f32, n: c_int) -> f32 {
    libm::scalbnf(x, n)
}

#[unsafe(no_mangle)]
extern "C" fn scalbln(x: f64, n: c_long) -> f64 {
    libm::scalbn(x, n.clamp(-10_000, 10_000) as c_int)
}

#[unsafe(no_mangle)]
extern "C" fn scalblnf(x: f32, n: c_long) -> f32 {
    libm::scalbnf(x, n.clamp(-10_000, 10_000) as c_int)
}

#[unsafe(no_mangle)]
extern "C" fn ilogb(x: f64) -> c_int {
    libm::ilogb(x)
}

#[unsafe(no_mangle)]
extern "C" fn ilogbf(x: f32) -> c_int {
    libm::ilogbf(x)
}

#[unsafe(no_mangle)]
extern "C" fn logb(x: f64) -> f64 {
    if x == 0.0 {
        -1.0 / libm::fabs(x)
    } else if x.is_finite() {
        f64::from(libm::ilogb(x))
    } else {
        x * x
    }
}

#[unsafe(no_mangle)]
extern "C" fn logbf(x: f32) -> f32 {
    logb(x.into()) as f32
}

/// The sign of the last gamma function, as old C has it.
#[unsafe(no_mangle)]
static mut signgam: c_int = 0;

#[unsafe(no_mangle)]
unsafe extern "C" fn lgamma(x: f64) -> f64 {
    let (value, sign) = libm::lgamma_r(x);
    signgam = sign;
    value
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lgammaf(x: f32) -> f32 {
    let (value, sign) = libm::lgammaf_r(x);
    signgam = sign;
    value
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lgamma_r(x: f64, sign: *mut c_int) -> f64 {
    let (value, found) = libm::lgamma_r(x);
    *sign = found;
    value
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lgammaf_r(x: f32, sign: *mut c_int) -> f32 {
    let (value, found) = libm::lgammaf_r(x);
    *sign = found;
    value
}

#[unsafe(no_mangle)]
extern "C" fn jn(n: c_int, x: f64) -> f64 {
    libm::jn(n, x)
}

#[unsafe(no_mangle)]
extern "C" fn yn(n: c_int, x: f64) -> f64 {
    libm::yn(n, x)
}

#[unsafe(no_mangle)]
extern "C" fn nan(_: *const core::ffi::c_char) -> f64 {
    f64::NAN
}

#[unsafe(no_mangle)]
extern "C" fn nanf(_: *const core::ffi::c_char) -> f32 {
    f32::NAN
}

// The classes that math.h's macros ask for: NaN 0, infinite 1, zero 2, subnormal 3, normal 4.

fn class(category: core::num::FpCategory) -> c_int {
    match category {
        core::num::FpCategory::Nan => 0,
        core::num::FpCategory::Infinite => 1,
        core::num::FpCategory::Zero => 2,
        core::num::FpCategory::Subnormal => 3,
        core::num::FpCategory::Normal => 4,
    }
}

#[unsafe(no_mangle)]
extern "C" fn __fpclassify(x: f64) -> c_int {
    class(x.classify())
}

#[unsafe(no_mangle)]
extern "C" fn __fpclassifyf(x: f32) -> c_int {
    class(x.classify())
}

#[unsafe(no_mangle)]
extern "C" fn __signbit(x: f64) -> c_int {
    x.is_sign_negative().into()
}

#[unsafe(no_mangle)]
extern "C" fn __signbitf(x: f32) -> c_int {
    x.is_sign_negative().into()
}

#[unsafe(no_mangle)]
extern "C" fn finite(x: f64) -> c_int {
    x.is_finite().into()
}

/// `long double` through a double: the argument is at `[rsp + 8]`, the result in `st(0)`.
macro_rules! long {
    ($($name:ident $by:ident;)*) => { $(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C" fn $name() {
            core::arch::naked_asm!(
                "fld tbyte ptr [rsp + 8]",
                "sub rsp, 8",
                "fstp qword ptr [rsp]",
                "movsd xmm0, [rsp]",
                "call {by}",
                "movsd [rsp], xmm0",
                "fld qword ptr [rsp]",
                "add rsp, 8",
                "ret",
                by = sym $by,
            )
        }
    )* };
}
long! {
    acosl acos; asinl asin; atanl atan; cbrtl cbrt; ceill ceil; cosl cos; coshl cosh; expl exp; exp2l exp2;
    expm1l expm1; fabsl fabs; floorl floor; logl log; log10l log10; log1pl log1p; log2l log2; rintl rint;
    roundl round; sinl sin; sinhl sinh; sqrtl sqrt; tanl tan; tanhl tanh; truncl trunc; nearbyintl nearbyint;
}

/// Two `long double` arguments through doubles.
macro_rules! long_two {
    ($($name:ident $by:ident;)*) => { $(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C" fn $name() {
            core::arch::naked_asm!(
                "fld tbyte ptr [rsp + 8]",
                "fld tbyte ptr [rsp + 24]",
                "sub rsp, 24",
                "fstp qword ptr [rsp + 8]",
                "fstp qword ptr [rsp]",
                "movsd xmm0, [rsp]",
                "movsd xmm1, [rsp + 8]",
                "call {by}",
                "movsd [rsp], xmm0",
                "fld qword ptr [rsp]",
                "add rsp, 24",
                "ret",
                by = sym $by,
            )
        }
    )* };
}
long_two! {
    atan2l atan2; copysignl copysign; fmaxl fmax; fminl fmin; fmodl fmod; hypotl hypot; powl pow;
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn frexpl() {
    core::arch::naked_asm!(
        "fld tbyte ptr [rsp + 8]",
        "sub rsp, 8",
        "fstp qword ptr [rsp]",
        "movsd xmm0, [rsp]",
        "call {by}",
        "movsd [rsp], xmm0",
        "fld qword ptr [rsp]",
        "add rsp, 8",
        "ret",
        by = sym frexp,
    )
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn ldexpl() {
    core::arch::naked_asm!(
        "fld tbyte ptr [rsp + 8]",
        "sub rsp, 8",
        "fstp qword ptr [rsp]",
        "movsd xmm0, [rsp]",
        "call {by}",
        "movsd [rsp], xmm0",
        "fld qword ptr [rsp]",
        "add rsp, 8",
        "ret",
        by = sym ldexp,
    )
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn scalbnl() {
    core::arch::naked_asm!("jmp {}", sym ldexpl)
}
