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

/// One that came out otherwise on a busy machine, and is Linux's or the program's own doing.
const fn sometimes(job: &'static str, line: &'static str, why: &'static str) -> Known {
    Known {
        either_way: true,
        ..always(job, line, why)
    }
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

const NO_CALL: &str = "Ochre doesn't have the calls that it makes";

const KNOWN: [Known; 14] = [
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
    always("stress-ng d-k", "fanotify ", NO_CALL),
    // name_to_handle_at, which needs files that are found by their numbers alone.
    always("stress-ng d-k", "handle ", NO_CALL),
    sometimes(
        "stress-ng d-k",
        "iomix ",
        "on Linux's tmpfs a signal interrupts fallocate, which the stressor takes for a failure",
    ),
    always("stress-ng d-k", "io-uring ", NO_CALL),
    always("stress-ng d-k", "key ", NO_CALL),
    always(
        "stress-ng l-o",
        "memhotplug ",
        "memory is neither added nor taken away: there is no /sys/devices/system/memory",
    ),
    always(
        "stress-ng p-r",
        "pci ",
        "a server shows the PCI devices in /sys, and the image `minimal` has none",
    ),
    always("stress-ng s", "sockdiag ", "there is no NETLINK_SOCK_DIAG"),
    always(
        "stress-ng s",
        "swap ",
        "nothing is ever swapped out, so there is no swapon",
    ),
    always("stress-ng t-z", "userfaultfd ", NO_CALL),
    always("stress-ng t-z", "xattr ", USER_ATTRIBUTES),
];
