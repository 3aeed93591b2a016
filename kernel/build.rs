//! Links the kernel by the hal's linker script.

fn main() {
    let script = "hal/kernel.ld";
    println!("cargo::rerun-if-changed={script}");
    let target_os = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if target_os == "none" {
        // Linked to a fixed address: the entries compute where it really lies.
        println!("cargo::rustc-link-arg-bins=--no-pie");
        let dir = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-link-arg-bins=-T{dir}/{script}");
    }
}
