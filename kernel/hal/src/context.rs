//! Kernel contexts: a kernel stack and the registers saved on it.
//!
//! Each CPU owns one reference of the context that it runs. A context that is being left counts as
//! running until the next one, on its own stack, has let go of it ([`finish_switch`]); so nobody
//! can resume it on a stack that is still in use, and a dying one's stack is freed by its successor.

use crate::addr::PAGE_SIZE;
use crate::cpu;
use crate::frame::OutOfMemory;
use crate::local::{self, CpuLocal};
use crate::paging::kernel;
use crate::sync::SpinLock;
use crate::{fpu, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a kernel stack; below it lies as much unmapped guard.
pub const STACK_SIZE: usize = 8 * PAGE_SIZE;

/// Stacks that no context uses: mapped once, kept for good.
static FREE_STACKS: SpinLock<Vec<usize>> = SpinLock::new(rank::STACKS, Vec::new());

/// A kernel stack, by its top.
struct Stack(usize);

impl Stack {
    fn new() -> Result<Stack, OutOfMemory> {
        if let Some(top) = FREE_STACKS.lock().pop() {
            return Ok(Stack(top));
        }
        kernel::map_stack(STACK_SIZE).map(Stack)
    }
}

impl Drop for Stack {
    #[expect(
        clippy::disallowed_methods,
        reason = "nobody is there to take a refusal"
    )]
    fn drop(&mut self) {
        let mut free = FREE_STACKS.lock();
        // Without room in the list the stack is lost until reboot, which beats failing here.
        if free.try_reserve(1).is_ok() {
            free.push(self.0);
        }
    }
}

pub struct Context {
    /// The stack pointer, with the callee-saved registers above it, while it doesn't run.
    rsp: UnsafeCell<usize>,
    /// Runs on some CPU, or hasn't quite left it.
    running: AtomicBool,
    entry: fn(usize) -> !,
    arg: usize,
    /// The stack, but for idle contexts, which run on their CPU's boot stack.
    _stack: Option<Stack>,
}

// SAFETY: `rsp` is touched only by the CPU that has won `running`.
unsafe impl Sync for Context {}
// SAFETY: a context that doesn't run belongs to no CPU.
unsafe impl Send for Context {}

impl Context {
    /// A context that starts at `entry(arg)` when first switched to.
    pub fn new(entry: fn(usize) -> !, arg: usize) -> Result<Arc<Context>, OutOfMemory> {
        let stack = Stack::new()?;
        // What `switch` pops: six registers and the return address; then a null caller.
        let frame: [usize; 8] = [0, 0, 0, 0, 0, 0, start as *const () as usize, 0];
        let rsp = stack.0 - size_of_val(&frame);
        // SAFETY: the stack is mapped, and nobody runs on it.
        unsafe { (rsp as *mut [usize; 8]).write(frame) };
        Ok(Arc::new(Context {
            rsp: UnsafeCell::new(rsp),
            running: AtomicBool::new(false),
            entry,
            arg,
            _stack: Some(stack),
        }))
    }

    /// Whether both are the same context.
    #[must_use]
    pub fn is(&self, other: &Context) -> bool {
        ptr::eq(self, other)
    }
}

/// Makes what runs now this CPU's idle context.
pub(crate) fn adopt_idle() {
    fn never(_: usize) -> ! {
        unreachable!("an idle context runs from the beginning")
    }
    let context = Arc::new(Context {
        rsp: UnsafeCell::new(0),
        running: AtomicBool::new(true),
        entry: never,
        arg: 0,
        _stack: None,
    });
    let local = local::this();
    local.idle.set(Arc::into_raw(context.clone()));
    local.context.set(Arc::into_raw(context));
}

/// The boot stack of another CPU: leaked, as its idle context is.
pub(crate) fn idle_stack() -> Result<usize, OutOfMemory> {
    Stack::new().map(|stack| ManuallyDrop::new(stack).0)
}

/// Saves the callee-saved registers on this stack, and takes those of another.
///
/// # Safety
/// `save` is where the running context's rsp goes; `rsp` is a resting context's.
#[unsafe(naked)]
unsafe extern "C" fn switch(save: *mut usize, rsp: usize) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Where a new context begins.
extern "C" fn start() -> ! {
    let local = local::this();
    finish_switch(local);
    // SAFETY: the CPU owns a reference of the context that it runs.
    let context = unsafe { &*local.context.get() };
    (context.entry)(context.arg)
}

/// Lets go of the context that was left.
fn finish_switch(local: &CpuLocal) {
    let previous = local.previous.replace(ptr::null());
    // SAFETY: `switch_raw` put the CPU's own reference of it there.
    let previous = unsafe { Arc::from_raw(previous) };
    previous.running.store(false, Ordering::Release);
}

fn switch_raw(local: &CpuLocal, next: Arc<Context>) {
    debug_assert_eq!(
        local.held_ranks.get(),
        [0; 4],
        "switched with a spinlock held"
    );
    while next.running.swap(true, Ordering::Acquire) {
        cpu::relax();
    }
    fpu::save_live(local);
    let rsp = next.rsp.get();
    let previous = local.context.replace(Arc::into_raw(next));
    local.previous.set(previous);
    // SAFETY: the CPU's reference keeps `previous` until `finish_switch`; `running` was won for
    // the next one, so its rsp is at rest.
    unsafe { switch((*previous).rsp.get(), rsp.read()) };
    // Possibly another CPU than before.
    finish_switch(local::this());
}

/// Switches to `next`, which must not be running elsewhere for good: if it is still on its way
/// off another CPU, this waits. Returns when something switches back to the caller's context.
pub fn switch_to(next: &Arc<Context>) {
    let local = local::this();
    if !ptr::eq(local.context.get(), Arc::as_ptr(next)) {
        switch_raw(local, next.clone());
    }
}

/// As [`switch_to`], and lets go of the current context, whose stack is freed once it is left.
pub fn exit_current(next: Arc<Context>) -> ! {
    let local = local::this();
    assert!(
        !ptr::eq(local.context.get(), Arc::as_ptr(&next)),
        "exited into itself"
    );
    fpu::forget_live(local);
    switch_raw(local, next);
    unreachable!("an exited context was resumed")
}

/// # Safety
/// `raw` is a live context's, from `Arc::into_raw`.
unsafe fn clone_raw(raw: *const Context) -> Arc<Context> {
    // SAFETY: by the caller's promise; the reference that `raw` stands for stays.
    unsafe {
        Arc::increment_strong_count(raw);
        Arc::from_raw(raw)
    }
}

/// The context that runs here.
#[must_use]
pub fn current() -> Arc<Context> {
    // SAFETY: the CPU owns a reference of the context that it runs.
    unsafe { clone_raw(local::this().context.get()) }
}

/// This CPU's idle context: the one that called `KernelUpcalls::main` or `secondary`.
#[must_use]
pub fn idle() -> Arc<Context> {
    // SAFETY: idle contexts live for good.
    unsafe { clone_raw(local::this().idle.get()) }
}
