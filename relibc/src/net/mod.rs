//! Names and addresses of the network: text forms, `/etc/hosts`, DNS, interfaces.

pub mod address;
pub mod dns;
pub mod hosts;
pub mod interface;
pub mod lookup;
pub mod reverse;
pub mod service;
