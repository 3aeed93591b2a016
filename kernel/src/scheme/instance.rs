//! A scheme: what its supervisor holds across the lives of its servers.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::inotify::{self, Mask};
use crate::fs::node::{DeviceNumber, Node, NodeKind};
use crate::fs::open::OpenFile;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::mutex::Mutex;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::scheme::life::{Life, Reply};
use crate::scheme::node::SchemeNode;
use crate::scheme::ring::Ring;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_abi::scheme::{ROOT, Request, SchemeFlags};
use ochre_hal::sync::SpinLock;

/// See the module's header.
pub struct Scheme {
    _counted: Counted<{ ObjectKind::Scheme as usize }>,
    pub name: Box<str>,
    pub flags: SchemeFlags,
    /// `st_dev` of its nodes.
    pub device: DeviceNumber,
    /// The present server's life, or the last one's.
    life: SpinLock<Option<Arc<Life>>>,
    attached: WaitQueue,
    /// Nodes in use, by the server's number: each has one kernel node, so that locks and watches
    /// meet.
    nodes: SpinLock<BTreeMap<u64, Weak<Node>>>,
    pub shape: Mutex<()>,
}

impl Scheme {
    #[must_use]
    pub fn new(name: &str, flags: SchemeFlags) -> Arc<Scheme> {
        static NEXT: AtomicU32 = AtomicU32::new(0x100);
        Arc::new(Scheme {
            _counted: Counted::new(),
            name: Box::from(name),
            flags,
            device: DeviceNumber::new(0, NEXT.fetch_add(1, Ordering::Relaxed)),
            life: SpinLock::new(lock_order::SCHEME, None),
            attached: WaitQueue::new(),
            nodes: SpinLock::new(lock_order::FS_NAMES_INNER, BTreeMap::new()),
            shape: Mutex::new(lock_order::sleeping::SHAPE, ()),
        })
    }

    /// The node that a mount shows.
    #[must_use]
    pub fn root(self: &Arc<Self>) -> Arc<Node> {
        let kind = if self.flags.contains(SchemeFlags::ROOT_IS_FILE) {
            NodeKind::CharDevice
        } else {
            NodeKind::Directory
        };
        self.node(ROOT, kind)
    }

    /// The kernel's node for the server's `number`.
    pub fn node(self: &Arc<Self>, number: u64, kind: NodeKind) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        let known = nodes.get(&number).and_then(Weak::upgrade);
        if let Some(known) = &known
            && known.kind() == kind
        {
            return known.clone();
        }
        let node: Arc<Node> = Node::new(kind, SchemeNode::new(self.clone(), number));
        nodes.insert(number, Arc::downgrade(&node));
        // One of another kind may end here, which asks for the table.
        drop(nodes);
        drop(known);
        node
    }

    /// The server says that a node changed: tells its watchers.
    pub fn changed(&self, number: u64) {
        let node = self.nodes.lock().get(&number).and_then(Weak::upgrade);
        if let Some(node) = node {
            inotify::notify_self(&node, Mask::ATTRIB);
        }
    }

    /// A node that nobody uses any more.
    pub fn forget(&self, number: u64) {
        let mut nodes = self.nodes.lock();
        if nodes.get(&number).is_some_and(|n| n.strong_count() == 0) {
            nodes.remove(&number);
        }
    }

    /// Starts a new life; EBUSY while a server is attached.
    pub fn attach(&self) -> Result<Arc<Life>> {
        let life = Life::new()?;
        let old = {
            let mut current = self.life.lock();
            if current.as_ref().is_some_and(|l| !l.is_dead()) {
                return Err(Errno::EBUSY);
            }
            current.replace(life.clone())
        };
        drop(old);
        self.attached.wake_all(Events::all());
        Ok(life)
    }

    /// The life to ask. Before the first server has come, callers wait for it; when one has died,
    /// they wait for the next only if requests of this scheme can be repeated.
    pub fn life(&self) -> Result<Arc<Life>> {
        let stateless = self.flags.contains(SchemeFlags::STATELESS);
        wait_until(
            &[&self.attached],
            None,
            Interrupt::Signals,
            || match &*self.life.lock() {
                None => None,
                Some(life) if life.is_dead() && stateless => None,
                Some(life) if life.is_dead() => Some(Err(Errno::ENODEV)),
                Some(life) => Some(Ok(life.clone())),
            },
        )?
    }

    /// A call that belongs to no open file: names and attributes. In a scheme whose requests can be
    /// repeated it is asked again of the next server when one dies.
    pub fn call(
        &self,
        request: Request,
        passed: Option<Arc<OpenFile>>,
        fill: impl Fn(&Ring, usize, &mut Request) -> Result,
    ) -> Result<Reply> {
        loop {
            let life = self.life()?;
            match life.call(request, passed.clone(), &fill) {
                Err(Errno::ENODEV)
                    if life.is_dead() && self.flags.contains(SchemeFlags::STATELESS) => {}
                other => return other,
            }
        }
    }
}
