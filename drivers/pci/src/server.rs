//! `/dev/pci`: a directory of functions.

use crate::config::Space;
use crate::function::Function;
use crate::msi;
use ochre_abi::native::{Derive, DeriveKind, MAP_WRITE_COMBINING};
use ochre_abi::scheme::{Attr, ROOT};
use ochre_driver::ioctl::Argument;
use ochre_driver::pci::{BarInfo, FdReply, IOC_BAR, IOC_DMA, IOC_INTERRUPT};
use ochre_driver::scheme::{Entry, directory, regular};
use ochre_driver::{Caller, Errno, Mapping, Opened, Result, Scheme, native};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

const COMMAND: u8 = 0x04;
const MEMORY_DECODE: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
/// DMA memory that one driver may hold.
const DMA_LIMIT: u64 = 1 << 30;
const DT_REG: u8 = 8;

/// The scheme: node `n + 1` is function `n`.
pub struct Pci {
    machine: OwnedFd,
    space: Space,
    functions: Vec<Function>,
    /// Open files: the function's index.
    open: RefCell<BTreeMap<u64, usize>>,
    next_file: RefCell<u64>,
    /// Functions whose interrupts or bus mastering were switched on for a driver. Those of a server before this one are not among
    /// them: their drivers go on, and nobody else's open file is the last.
    driven: RefCell<BTreeSet<usize>>,
}

impl Pci {
    pub fn new(machine: OwnedFd, space: Space, functions: Vec<Function>) -> Pci {
        Pci {
            machine,
            space,
            functions,
            open: RefCell::default(),
            next_file: RefCell::new(0),
            driven: RefCell::default(),
        }
    }

    fn node(&self, node: u64) -> Result<(usize, &Function)> {
        let index = usize::try_from(node)
            .ok()
            .and_then(|n| n.checked_sub(1))
            .ok_or(Errno::NOENT)?;
        self.functions
            .get(index)
            .map(|f| (index, f))
            .ok_or(Errno::NOENT)
    }

    fn index(&self, file: u64) -> Result<usize> {
        self.open.borrow().get(&file).copied().ok_or(Errno::BADF)
    }

    fn file(&self, file: u64) -> Result<&Function> {
        Ok(&self.functions[self.index(file)?])
    }

    /// The right to allocate DMA memory for a function. The kernel keeps that memory until the function is stopped.
    fn dma(&self, index: usize) -> Result<OwnedFd> {
        let what = Derive {
            kind: DeriveKind::Dma as u32,
            flags: 0,
            start: index as u64,
            length: DMA_LIMIT,
        };
        native::derive(self.machine.as_fd(), what)
    }

    /// A driver takes a function: it may raise interrupts, and master the bus.
    fn drive(&self, index: usize) -> Result<()> {
        self.driven.borrow_mut().insert(index);
        self.set_command(&self.functions[index], BUS_MASTER, 0)
    }

    fn set_command(&self, function: &Function, set: u32, clear: u32) -> Result<()> {
        let command = self.space.read(function.at, COMMAND) & 0xffff;
        self.space
            .write(function.at, COMMAND, (command | set) & !clear)
    }

    fn attr(node: u64) -> Attr {
        if node == ROOT {
            directory(ROOT)
        } else {
            regular(node, 256, 0o600)
        }
    }
}

impl Scheme for Pci {
    async fn lookup(&self, dir: u64, name: &str) -> Result<Attr> {
        if dir != ROOT {
            return Err(Errno::NOTDIR);
        }
        let index = self.functions.iter().position(|f| f.at.to_string() == name);
        Ok(Pci::attr(index.ok_or(Errno::NOENT)? as u64 + 1))
    }

    async fn getattr(&self, node: u64) -> Result<Attr> {
        if node != ROOT {
            self.node(node)?;
        }
        Ok(Pci::attr(node))
    }

    async fn readdir(&self, dir: u64) -> Result<Vec<Entry>> {
        if dir != ROOT {
            return Err(Errno::NOTDIR);
        }
        let entries = self
            .functions
            .iter()
            .enumerate()
            .map(|(index, function)| Entry {
                node: index as u64 + 1,
                kind: DT_REG,
                name: function.at.to_string(),
            });
        Ok(entries.collect())
    }

    async fn open(&self, caller: Caller, node: u64, _flags: u32) -> Result<Opened> {
        if caller.uid != 0 {
            return Err(Errno::ACCESS);
        }
        let (index, _) = self.node(node)?;
        let mut next = self.next_file.borrow_mut();
        *next += 1;
        self.open.borrow_mut().insert(*next, index);
        Ok(Opened {
            file: *next,
            level: 0x5,
        })
    }

    fn close(&self, file: u64) {
        let Some(index) = self.open.borrow_mut().remove(&file) else {
            return;
        };
        if self.open.borrow().values().any(|other| *other == index)
            || !self.driven.borrow_mut().remove(&index)
        {
            return;
        }
        let function = &self.functions[index];
        msi::disable(&self.space, function);
        // A function that cannot be written is gone and does nothing any more.
        let _ = self.set_command(function, 0, BUS_MASTER);
        // The read back waits until what the device had under way has arrived.
        self.space.read(function.at, COMMAND);
        if let Err(error) = self
            .dma(index)
            .and_then(|right| native::dma_free(right.as_fd()))
        {
            eprintln!("pci: {}: its memory stays: {error}", function.at);
        }
    }

    async fn read(&self, file: u64, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let config = self.space.snapshot(self.file(file)?.at);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(config.len());
        let len = buffer.len().min(config.len() - start);
        buffer[..len].copy_from_slice(&config[start..start + len]);
        Ok(len)
    }

    async fn ioctl(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let function = self.file(file)?;
        match argument.command().0 {
            IOC_BAR => {
                let mut info: BarInfo = argument.get()?;
                let bar = function.bars.iter().find(|b| b.index == info.index);
                info.address = bar.map_or(0, |b| b.address);
                info.size = bar.map_or(0, |b| b.size);
                info.prefetchable = u32::from(bar.is_some_and(|b| b.prefetchable));
                argument.set(&info)?;
            }
            IOC_INTERRUPT => {
                let reply: FdReply = argument.get()?;
                let fd = msi::enable(&self.machine, &self.space, function, reply.index)?;
                self.drive(self.index(file)?)?;
                argument.reply_fd(fd);
            }
            IOC_DMA => {
                let index = self.index(file)?;
                let fd = self.dma(index)?;
                self.drive(index)?;
                argument.reply_fd(fd);
            }
            _ => return Err(Errno::NOTTY),
        }
        Ok(0)
    }

    async fn map(&self, file: u64, offset: u64, length: u64, _write: bool) -> Result<Mapping> {
        let function = self.file(file)?;
        let (index, offset) = ((offset >> 32) as u32, offset & 0xffff_ffff);
        let bar = function
            .bars
            .iter()
            .find(|b| b.index == index)
            .ok_or(Errno::NXIO)?;
        let end = offset.checked_add(length).ok_or(Errno::INVAL)?;
        if length == 0 || end > bar.size.next_multiple_of(4096) {
            return Err(Errno::NXIO);
        }
        let table = msi::table_pages(&self.space.snapshot(function.at), index);
        if table.is_some_and(|pages| offset < pages.end && pages.start < end) {
            return Err(Errno::PERM);
        }
        self.set_command(function, MEMORY_DECODE, 0)?;
        let what = Derive {
            kind: DeriveKind::Physical as u32,
            flags: if bar.prefetchable {
                MAP_WRITE_COMBINING
            } else {
                0
            },
            start: bar.address + offset,
            length,
        };
        Ok(Mapping {
            memory: native::derive(self.machine.as_fd(), what)?,
            offset: 0,
        })
    }
}
