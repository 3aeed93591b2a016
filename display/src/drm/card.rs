//! A card: the device node that clients open, served over a [`Backend`].

use crate::drm::abi::{self, GetCap, Version};
use crate::drm::backend::Backend;
use crate::drm::events::Notify;
use crate::drm::objects::Objects;
use crate::uevent::{DeviceName, Subsystem};
use ochre_abi::scheme::{Attr, ROOT};
use ochre_driver::executor::{Executor, wall_clock};
use ochre_driver::ioctl::Argument;
use ochre_driver::scheme::char_device;
use ochre_driver::{Caller, Errno, Levels, Mapping, Opened, Result, Scheme};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// The major number of DRM devices.
const MAJOR: u32 = 226;
const POLLOUT: u32 = 0x4;
const DEVTYPE: &str = "DEVTYPE=drm_minor";
/// O_ACCMODE and O_RDONLY of open(2).
const ACCESS_MODE: u32 = 3;
const READ_ONLY: u32 = 0;

/// What the ioctls and the commits in progress share.
pub struct Shared<B: Backend> {
    pub backend: B,
    pub objects: RefCell<Objects<B::Driver>>,
    /// A commit reached the screen.
    pub settled: Notify,
    pub executor: Executor,
    pub levels: Levels,
    /// For telling listeners of changed outputs; none in tests.
    server: Option<OwnedFd>,
    minor: u32,
    /// When it appeared.
    since: i64,
}

/// The scheme of one `/dev/dri/cardN`.
pub struct Card<B: Backend>(pub Rc<Shared<B>>);

impl<B: Backend> Card<B> {
    /// `server` is a copy of the server's descriptor, through which the card is announced.
    pub fn new(
        backend: B,
        minor: u32,
        server: Option<OwnedFd>,
        levels: Levels,
        executor: Executor,
    ) -> Card<B> {
        take_descriptors();
        let objects = RefCell::new(Objects::new(backend.outputs()));
        let settled = Notify::default();
        let shared = Shared {
            backend,
            objects,
            settled,
            executor,
            levels,
            server,
            minor,
            since: wall_clock(),
        };
        shared.announce("add", &[DEVTYPE]);
        Card(Rc::new(shared))
    }
}

/// Every buffer is a descriptor or two: the card may have as many as its supervisor lets it.
fn take_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("display: raising the number of descriptors: {error}");
    }
}

impl<B: Backend> Shared<B> {
    /// Takes the outputs as the device describes them now, and tells listeners if they changed.
    pub fn refresh(&self) {
        if self.objects.borrow_mut().describe(self.backend.outputs()) {
            self.announce("change", &["HOTPLUG=1", DEVTYPE]);
        }
    }

    fn announce(&self, action: &str, more: &[&str]) {
        if let Some(server) = &self.server {
            let node = format!("dri/card{}", self.minor);
            let name = DeviceName {
                subsystem: Subsystem::Drm,
                node,
                major: MAJOR,
                minor: self.minor,
            };
            name.announce(server, action, more);
        }
    }

    fn version(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let name = self.backend.name();
        let texts = [name, "20261121", "Ochre display driver"];
        let mut version: Version = argument.get()?;
        for (index, text) in texts.iter().enumerate() {
            argument.put_array(index, text.as_bytes())?;
        }
        (version.major, version.minor, version.patch) = (1, 0, 0);
        version.name_len = texts[0].len() as u64;
        version.date_len = texts[1].len() as u64;
        version.desc_len = texts[2].len() as u64;
        argument.set(&version)?;
        Ok(0)
    }

    fn get_cap(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let mut cap: GetCap = argument.get()?;
        cap.value = match cap.capability {
            abi::CAP_DUMB_BUFFER
            | abi::CAP_VBLANK_HIGH_CRTC
            | abi::CAP_TIMESTAMP_MONOTONIC
            | abi::CAP_ADDFB2_MODIFIERS
            | abi::CAP_CRTC_IN_VBLANK_EVENT => 1,
            abi::CAP_DUMB_PREFERRED_DEPTH => 24,
            abi::CAP_PRIME => 3,
            abi::CAP_CURSOR_WIDTH | abi::CAP_CURSOR_HEIGHT => 64,
            abi::CAP_DUMB_PREFER_SHADOW
            | abi::CAP_ASYNC_PAGE_FLIP
            | abi::CAP_PAGE_FLIP_TARGET
            | abi::CAP_SYNCOBJ
            | abi::CAP_SYNCOBJ_TIMELINE
            | abi::CAP_ATOMIC_ASYNC_PAGE_FLIP => 0,
            _ => return Err(Errno::INVAL),
        };
        argument.set(&cap)?;
        Ok(0)
    }

    fn set_client_cap(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let cap: GetCap = argument.get()?;
        let mut objects = self.objects.borrow_mut();
        let client = objects.client_mut(file)?;
        match (cap.capability, cap.value) {
            (abi::CLIENT_CAP_UNIVERSAL_PLANES, 0 | 1) => client.universal_planes = cap.value == 1,
            (abi::CLIENT_CAP_ATOMIC, 0..=2) => {
                client.atomic = cap.value != 0;
                client.universal_planes |= client.atomic;
            }
            (abi::CLIENT_CAP_ASPECT_RATIO | abi::CLIENT_CAP_STEREO_3D, 0 | 1) => {}
            (abi::CLIENT_CAP_CURSOR_HOTSPOT, _) if !self.backend.has_cursor() => {
                return Err(Errno::OPNOTSUPP);
            }
            (abi::CLIENT_CAP_CURSOR_HOTSPOT, 0 | 1) if client.atomic => {
                client.tells_hotspot = cap.value == 1;
            }
            _ => return Err(Errno::INVAL),
        }
        Ok(0)
    }

    fn set_master(&self, file: u64) -> Result<u32> {
        let mut objects = self.objects.borrow_mut();
        match objects.master {
            Some(other) if other != file => Err(Errno::BUSY),
            _ => {
                objects.master = Some(file);
                Ok(0)
            }
        }
    }

    fn drop_master(&self, file: u64) -> Result<u32> {
        let mut objects = self.objects.borrow_mut();
        if objects.master != Some(file) {
            return Err(Errno::INVAL);
        }
        objects.master = None;
        Ok(0)
    }

    /// CLOSEFB: the client's framebuffer is no longer its own, but shown as long as it is.
    fn close_fb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let [id, pad]: [u32; 2] = argument.get()?;
        if pad != 0 {
            return Err(Errno::INVAL);
        }
        self.objects.borrow_mut().give_up_framebuffer(id, file)?;
        Ok(0)
    }

    /// RMFB: it goes, off the planes that show it too.
    async fn remove_fb(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let id: u32 = argument.get()?;
        self.remove(file, id).await
    }

    /// See RMFB.
    pub async fn remove(self: &Rc<Self>, file: u64, id: u32) -> Result<u32> {
        self.objects.borrow_mut().give_up_framebuffer(id, file)?;
        self.take_off(&[id]).await;
        Ok(0)
    }

    /// The open file is gone, and what it showed with it.
    pub fn close(self: &Rc<Self>, file: u64) {
        let gone = self.objects.borrow_mut().close(file);
        let shared = self.clone();
        if !gone.is_empty() {
            self.executor
                .spawn(async move { shared.take_off(&gone).await });
        }
    }

    async fn dispatch(self: &Rc<Self>, file: u64, a: &mut Argument<'_>) -> Result<u32> {
        match a.command().0 {
            abi::VERSION => self.version(a),
            abi::GET_UNIQUE => Ok(0),
            abi::GET_MAGIC => {
                a.set(&(file as u32))?;
                Ok(0)
            }
            abi::AUTH_MAGIC => Ok(0),
            abi::GET_CAP => self.get_cap(a),
            abi::SET_CLIENT_CAP => self.set_client_cap(file, a),
            abi::SET_MASTER => self.set_master(file),
            abi::DROP_MASTER => self.drop_master(file),
            abi::GETRESOURCES => self.get_resources(file, a),
            abi::GETCRTC => self.get_crtc(a),
            abi::SETCRTC => self.set_crtc(file, a).await,
            abi::CURSOR => self.cursor(file, a),
            abi::CURSOR2 => self.cursor2(file, a),
            abi::GETENCODER => self.get_encoder(a),
            abi::GETCONNECTOR => self.get_connector(file, a),
            abi::GETPROPERTY => self.get_property(a),
            abi::SETPROPERTY => self.set_connector_property(file, a).await,
            abi::GETPROPBLOB => self.get_blob(a),
            abi::CREATEPROPBLOB => self.create_blob(file, a),
            abi::DESTROYPROPBLOB => self.destroy_blob(file, a),
            abi::GETFB => self.get_fb(file, a),
            abi::ADDFB => self.add_fb(file, a),
            abi::ADDFB2 => self.add_fb2(file, a),
            abi::RMFB => self.remove_fb(file, a).await,
            abi::CLOSEFB => self.close_fb(file, a),
            abi::PAGE_FLIP => self.page_flip(file, a).await,
            abi::DIRTYFB => self.dirty_fb(file, a).await,
            abi::CREATE_DUMB => self.create_dumb(file, a).await,
            abi::MAP_DUMB => self.map_dumb(file, a),
            abi::DESTROY_DUMB => self.destroy_dumb(file, a),
            abi::GEM_CLOSE => self.gem_close(file, a),
            abi::GETPLANERESOURCES => self.get_plane_resources(file, a),
            abi::GETPLANE => self.get_plane(a),
            abi::OBJ_GETPROPERTIES => self.obj_get_properties(file, a),
            abi::OBJ_SETPROPERTY => self.obj_set_property(file, a).await,
            abi::ATOMIC => self.atomic(file, a).await,
            abi::PRIME_HANDLE_TO_FD => self.handle_to_fd(file, a),
            abi::PRIME_FD_TO_HANDLE => self.fd_to_handle(file, a),
            _ => Err(Errno::INVAL),
        }
    }
}

impl<B: Backend> Scheme for Card<B> {
    async fn getattr(&self, node: u64) -> Result<Attr> {
        if node != ROOT {
            return Err(Errno::NOENT);
        }
        Ok(char_device(ROOT, MAJOR, self.0.minor, 0o660, self.0.since))
    }

    async fn open(&self, _caller: Caller, _node: u64, flags: u32) -> Result<Opened> {
        let mut objects = self.0.objects.borrow_mut();
        Ok(Opened {
            file: objects.open(flags & ACCESS_MODE != READ_ONLY),
            level: POLLOUT,
        })
    }

    fn close(&self, file: u64) {
        self.0.close(file);
    }

    async fn read(&self, file: u64, _offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.0.read_events(file, buffer)
    }

    async fn ioctl(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        self.0.dispatch(file, argument).await
    }

    async fn map(&self, file: u64, offset: u64, length: u64, _write: bool) -> Result<Mapping> {
        let (handle, offset) = ((offset >> 32) as u32, offset & 0xffff_ffff);
        let objects = self.0.objects.borrow();
        let buffer = objects.client(file)?.buffer(handle)?;
        if offset
            .checked_add(length)
            .is_none_or(|end| end > buffer.size.next_multiple_of(4096))
        {
            return Err(Errno::INVAL);
        }
        Ok(Mapping {
            memory: buffer.memory.try_clone().map_err(|_| Errno::MFILE)?,
            offset,
        })
    }
}
