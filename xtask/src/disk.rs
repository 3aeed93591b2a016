//! Disk images: a GPT with one EFI system partition, from which UEFI firmware starts the loader.
//!
//! What the loader expects on the partition: `\ochre\kernel`, `\ochre\boot.cpio`, and
//! `\ochre\cmdline`, the kernel's command line as text.

use crate::build::{Builder, Profile};
use crate::guest::{Built, Guest};
use crate::image::{self, Recipe};
use crate::paths;
use crate::process;
use crate::qemu::Machine;
use crate::setup::{self, Purpose};
use anyhow::{Context, Result};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use fscommon::{BufStream, StreamSlice};
use gpt::GptConfig;
use gpt::mbr::ProtectiveMBR;
use gpt::partition_types::EFI;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The firmware that Debian's ovmf brings, and a blank of its variables.
const FIRMWARE: [&str; 2] = [
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.fd",
];

const SECTOR: u64 = 512;
/// Where the partition begins, in sectors: at 1 MiB, as is custom.
const FIRST: u64 = 2048;
/// What the file system itself takes, and room for its clusters' unused ends.
const OVERHEAD: u64 = 8 << 20;
/// FAT32, which firmware must read, begins at 65,525 clusters of at least a sector.
const SMALLEST: u64 = 40 << 20;

/// Writes a disk image that boots what was built.
pub fn write(built: &Built, image: &Path) -> Result<()> {
    let loader = Builder::new(Profile::Release)?.boot()?;
    let files = [
        ("EFI/BOOT/BOOTX64.EFI", loader.as_path()),
        ("ochre/kernel", built.kernel.as_path()),
        ("ochre/boot.cpio", built.archive.path()),
    ];
    process::step("writing the disk image", || {
        lay_out(image, &files, &built.command_line)
    })
}

fn lay_out(image: &Path, files: &[(&str, &Path)], command_line: &str) -> Result<()> {
    let mut size = command_line.len() as u64;
    for (_, file) in files {
        size += fs::metadata(file)
            .with_context(|| format!("no {}", file.display()))?
            .len();
    }
    let size = (size + size / 64 + OVERHEAD)
        .max(SMALLEST)
        .next_multiple_of(1 << 20);
    let disk = partition(image, size)?;
    let start = FIRST * SECTOR;
    let mut volume = BufStream::new(StreamSlice::new(disk, start, start + size)?);
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .volume_label(*b"OCHRE      ");
    fatfs::format_volume(&mut volume, options)?;
    let system = FileSystem::new(volume, FsOptions::new())?;
    let root = system.root_dir();
    for folder in ["EFI", "EFI/BOOT", "ochre"] {
        root.create_dir(folder)?;
    }
    for (name, file) in files {
        let mut to = BufWriter::with_capacity(1 << 20, root.create_file(name)?);
        io::copy(
            &mut BufReader::with_capacity(1 << 20, File::open(file)?),
            &mut to,
        )?;
        to.flush()?;
    }
    root.create_file("ochre/cmdline")?
        .write_all(command_line.as_bytes())?;
    drop(root);
    system.unmount()?;
    Ok(())
}

/// Makes the file, empty but for the table with one partition of `size` bytes.
fn partition(image: &Path, size: u64) -> Result<File> {
    // The table stands at the front and, once more, at the end.
    let total = FIRST * SECTOR + size + (1 << 20);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(image)
        .with_context(|| format!("cannot make {}", image.display()))?;
    file.set_len(total)?;
    let sectors = u32::try_from(total / SECTOR - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(&mut file)?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(gpt::disk::LogicalBlockSize::Lb512)
        .create_from_device(file, None)?;
    table.add_partition_at("EFI system", 1, FIRST, size / SECTOR, EFI, 0)?;
    Ok(table.write()?)
}

/// Build an image as a disk that UEFI firmware boots.
#[derive(clap::Args)]
pub struct Arguments {
    /// The image, a recipe of images/.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Where to write it [default: target/NAME.img].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List the images there are.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    guest: Guest,
}

/// `./x image`.
pub fn command(arguments: &Arguments) -> Result<()> {
    let Some(name) = arguments.name.as_deref().filter(|_| !arguments.list) else {
        return image::list();
    };
    setup::ensure(&[Purpose::Build])?;
    let recipe = Recipe::load(name)?;
    setup::ensure(recipe.purposes())?;
    let built = arguments.guest.build(&recipe, None)?;
    let file = arguments
        .output
        .clone()
        .unwrap_or_else(|| paths::target().join(format!("{name}.img")));
    write(&built, &file)?;
    println!("{}", file.display());
    Ok(())
}

/// A disk image and firmware variables of one run, in files that go when this does.
pub struct Scratch {
    image: PathBuf,
    variables: PathBuf,
}

impl Scratch {
    /// Writes the image of what was built.
    pub fn new(built: &Built) -> Result<Scratch> {
        let folder = paths::target().join("archives");
        let name = |what| folder.join(format!("{}.{what}", std::process::id()));
        let scratch = Scratch {
            image: name("img"),
            variables: name("vars"),
        };
        write(built, &scratch.image)?;
        fs::copy(FIRMWARE[1], &scratch.variables)
            .with_context(|| format!("cannot copy {}", FIRMWARE[1]))?;
        Ok(scratch)
    }

    /// Has the machine boot from it.
    pub fn boot(&self, machine: &mut Machine) {
        let flash = |file: &str, more: &str| format!("if=pflash,format=raw,file={file}{more}");
        let image = self.image.display();
        machine.arguments([
            "-drive".to_owned(),
            flash(FIRMWARE[0], ",readonly=on"),
            "-drive".to_owned(),
            flash(&self.variables.display().to_string(), ""),
            "-drive".to_owned(),
            format!("if=none,id=disk,format=raw,file={image}"),
            "-device".to_owned(),
            "ide-hd,drive=disk,bootindex=0".to_owned(),
        ]);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.image);
        let _ = fs::remove_file(&self.variables);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn firmware_finds_the_partition_and_its_files() {
        let folder = paths::target().join("test-disk");
        fs::create_dir_all(&folder).unwrap();
        let (kernel, image) = (folder.join("kernel"), folder.join("image"));
        let contents: Vec<u8> = (0..3_000_000_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        fs::write(&kernel, &contents).unwrap();
        lay_out(&image, &[("ochre/kernel", &kernel)], "panic=exit").unwrap();

        let disk = GptConfig::new().open(&image).unwrap();
        let partition = &disk.partitions()[&1];
        assert_eq!(partition.part_type_guid, EFI);
        let (start, end) = (
            partition.first_lba * SECTOR,
            (partition.last_lba + 1) * SECTOR,
        );
        let file = File::options().read(true).write(true).open(&image).unwrap();
        let volume = StreamSlice::new(file, start, end).unwrap();
        let system = FileSystem::new(volume, FsOptions::new()).unwrap();
        assert_eq!(system.fat_type(), FatType::Fat32);
        let mut read = Vec::new();
        system
            .root_dir()
            .open_file("ochre/kernel")
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == contents);
        let mut line = String::new();
        system
            .root_dir()
            .open_file("ochre/cmdline")
            .unwrap()
            .read_to_string(&mut line)
            .unwrap();
        assert_eq!(line, "panic=exit");
    }
}
