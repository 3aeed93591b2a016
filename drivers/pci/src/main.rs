//! The PCI server: finds the machine's functions and serves each as `/dev/pci/BB:DD.F`. It alone
//! holds the machine's capability and writes configuration space; a driver gets its function's
//! registers, interrupts and DMA from here, and nothing else.
#![forbid(unsafe_code)]

mod bar;
mod config;
mod found;
mod function;
mod msi;
mod server;

use anyhow::Context;
use ochre_driver::executor::Executor;
use ochre_driver::{Levels, native};
use std::rc::Rc;

fn main() -> anyhow::Result<()> {
    let machine = native::inherited("machine").context("no machine capability in OCHRE_FDS")?;
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let space = config::Space::new(&machine).context("the configuration ports")?;
    let functions = match found::load() {
        Some(functions) => functions,
        None => {
            let functions = function::enumerate(&space);
            if let Err(error) = found::save(&functions) {
                eprintln!(
                    "pci: {}: {error}: the next server will search again",
                    found::FILE
                );
            }
            functions
        }
    };
    eprintln!("pci: {} functions", functions.len());
    let scheme = Rc::new(server::Pci::new(machine, space, functions));
    let (levels, executor) = (Levels::default(), Executor::default());
    ochre_driver::serve(
        server,
        scheme,
        &ochre_driver::pci::IOCTLS,
        &levels,
        &executor,
    )
    .context("serving /dev/pci")
}
