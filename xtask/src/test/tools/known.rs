//! What is known to differ between Ochre and Linux, and why.

/// Lines of a job's that are not compared; unless they may come either way, they must differ.
#[derive(Clone, Copy)]
pub struct Known {
    pub job: &'static str,
    /// What they begin with.
    pub line: &'static str,
    /// The reason.
    pub why: &'static str,
    /// Whether they may be the same as well, as they depend on the machine's speed.
    pub either_way: bool,
}

/// What is known of a job.
pub fn of(job: &str) -> Vec<&'static Known> {
    KNOWN.iter().filter(|known| known.job == job).collect()
}

const fn always(job: &'static str, line: &'static str, why: &'static str) -> Known {
    Known {
        job,
        line,
        why,
        either_way: false,
    }
}

const USER_ATTRIBUTES: &str =
    "tmpfs has user attributes since Linux 6.6, and Debian's kernel is older";

const KNOWN: [Known; 4] = [
    always(
        "perl",
        "name: ",
        "/proc/PID/cmdline doesn't go on past the arguments where a program has written over their end",
    ),
    always(
        "python test_os",
        "test.test_os.ExtendedAttributeTests.",
        USER_ATTRIBUTES,
    ),
    always(
        "python test_shutil",
        "test.test_shutil.TestCopy.test_copy2_xattr",
        USER_ATTRIBUTES,
    ),
    always(
        "python test_shutil",
        "test.test_shutil.TestCopy.test_copyxattr",
        USER_ATTRIBUTES,
    ),
];
