//! Links the self-test as the kernel is linked.

fn main() {
    println!("cargo::rerun-if-changed=kernel.ld");
    let target_os = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if target_os == "none" {
        // Linked to a fixed address: the entries compute where it really lies.
        println!("cargo::rustc-link-arg-examples=--no-pie");
        let dir = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-link-arg-examples=-T{dir}/kernel.ld");
    }
}
