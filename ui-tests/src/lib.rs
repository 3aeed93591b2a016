//! The screenshot-test harness.
