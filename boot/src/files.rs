//! Files of the partition that the loader came from, read straight into pages of their own.

use crate::load::LoadError;
use core::ptr::NonNull;
use core::slice;
use uefi::boot::{self, AllocateType, MemoryType, PAGE_SIZE};
use uefi::proto::media::file::{Directory, File, FileAttribute, FileInfo, FileMode, RegularFile};
use uefi::{CStr16, Status};

/// Memory below 4 GiB that stays when the firmware goes. It is never given back: what the loader
/// takes, the kernel gets.
pub struct Pages {
    start: NonNull<u8>,
    pages: usize,
}

impl Pages {
    /// Zeroed pages for `bytes` (at least one) of the given kind.
    pub fn new(bytes: usize, kind: MemoryType) -> Result<Pages, LoadError> {
        let pages = bytes.div_ceil(PAGE_SIZE).max(1);
        let below = AllocateType::MaxAddress(u64::from(u32::MAX));
        let start =
            boot::allocate_pages(below, kind, pages).map_err(|_| LoadError::OutOfMemory {
                mebibytes: bytes.div_ceil(1 << 20),
            })?;
        // SAFETY: the pages were just allocated.
        unsafe { start.write_bytes(0, pages * PAGE_SIZE) };
        Ok(Pages { start, pages })
    }

    pub fn address(&self) -> u64 {
        self.start.addr().get() as u64
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: allocated, initialised by `new`, and owned by this value.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.pages * PAGE_SIZE) }
    }
}

/// A file's contents in pages.
pub struct Contents {
    pub pages: Pages,
    pub len: usize,
}

impl Contents {
    pub fn bytes(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.pages.bytes()[..len]
    }
}

/// The root of the partition that the loader came from.
pub fn root() -> Result<Directory, LoadError> {
    boot::get_image_file_system(boot::image_handle())
        .and_then(|mut fs| fs.open_volume())
        .map_err(|e| LoadError::NoPartition(e.status()))
}

/// Reads a file; none if there is no such name.
pub fn read(root: &mut Directory, path: &'static CStr16) -> Result<Option<Contents>, LoadError> {
    let broken = |status: Status| LoadError::Unreadable { path, status };
    let file = match root.open(path, FileMode::Read, FileAttribute::empty()) {
        Ok(file) => file,
        Err(error) if error.status() == Status::NOT_FOUND => return Ok(None),
        Err(error) => return Err(broken(error.status())),
    };
    let mut file: RegularFile = file
        .into_regular_file()
        .ok_or(broken(Status::UNSUPPORTED))?;
    let info = file
        .get_boxed_info::<FileInfo>()
        .map_err(|e| broken(e.status()))?;
    let len = usize::try_from(info.file_size()).map_err(|_| broken(Status::BAD_BUFFER_SIZE))?;
    let mut contents = Contents {
        pages: Pages::new(len, MemoryType::LOADER_DATA)?,
        len,
    };
    let mut done = 0;
    while done < len {
        let n = file
            .read(&mut contents.bytes()[done..])
            .map_err(|e| broken(e.status()))?;
        if n == 0 {
            return Err(broken(Status::END_OF_FILE));
        }
        done += n;
    }
    Ok(Some(contents))
}
