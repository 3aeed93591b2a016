//! `ochre-compositor`: starts a backend, the session, and the event loop.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use ochre_compositor::{
    Compositor,
    backend::{drm::Drm, headless::Headless, nested::Nested},
    clock::Clock,
    render::Extent,
    session::runtime_directory,
    state::Options,
};
use ochre_theme::Store;
use smithay::reexports::calloop::EventLoop;
use wayland_client::Connection;

const HELP: &str = "\
Usage: ochre-compositor [OPTIONS] [-- COMMAND ARGUMENT…]

Starts the desktop. With a COMMAND, runs it as a client and ends when it ends.

  --backend NAME           drm (the machine's display), nested (a window of the Wayland desktop that
                           runs already), headless (in memory); what there is is taken
  --nested                 the same as --backend nested
  --card FILE              the display card (/dev/dri/card0)
  --size WIDTHxHEIGHT      size of the window or the headless output (1280x800)
  --scale NUMBER           scale of outputs (1)
  --socket NAME            name of the Wayland socket (the first free wayland-N)
  --panel PROGRAM          the panel to keep running
  --no-panel               run none
  --layout NAMES           keyboard layouts, comma-separated, whatever the configuration says
  --variant NAMES          their variants
  --xkb-options NAMES      xkb options, such as caps:escape
  --allow-input-injection  let the control socket send input";

/// The card that machines have.
const CARD: &str = "/dev/dri/card0";

/// What the command line asks for.
struct Arguments {
    backend: String,
    card: PathBuf,
    size: Extent,
    socket: Option<String>,
    panel: Option<OsString>,
    no_panel: bool,
    options: Options,
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(err) => {
            eprintln!("ochre-compositor: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<i32> {
    let arguments = parse(std::env::args_os().skip(1))?;
    let runtime = runtime_directory()?;
    let mut event_loop: EventLoop<'static, Compositor> = EventLoop::try_new()?;
    let mut compositor = Compositor::new(&event_loop, Clock::Real, arguments.options)?;
    // Without a home there is nothing to configure by.
    if let Some(directory) = Store::new().config_dir()
        && let Err(err) = compositor.follow_config(directory)
    {
        eprintln!("ochre-compositor: {err}");
    }
    match arguments.backend.as_str() {
        "headless" => _ = Headless::start(&mut compositor, arguments.size, 60_000),
        "nested" => {
            let host = Connection::connect_to_env().context("no desktop to be a window of")?;
            Nested::start(&mut compositor, host, arguments.size)?;
        }
        "drm" => Drm::start(&mut compositor, &arguments.card)?,
        other => bail!("there is no backend {other}"),
    }
    let socket = compositor.listen(&runtime, arguments.socket.as_deref())?;
    eprintln!("ochre-compositor: listening on {}", socket.display());
    let control = compositor.open_control(&runtime)?;
    compositor
        .session
        .set_environment(&runtime, &socket, Some(&control));
    if !arguments.no_panel {
        compositor.keep_panel(arguments.panel);
    }
    if let Some((program, rest)) = arguments.command.split_first() {
        compositor
            .spawn_lead(program, rest)
            .with_context(|| format!("cannot start {}", program.display()))?;
    }
    compositor.run(&mut event_loop)?;
    Ok(compositor.session.status.unwrap_or(0))
}

fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Arguments> {
    let mut parsed = Arguments {
        backend: usual_backend().into(),
        card: CARD.into(),
        size: Extent::new(1280, 800).context("a sane size")?,
        socket: None,
        panel: None,
        no_panel: false,
        options: Options::default(),
        command: Vec::new(),
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut text = || -> anyhow::Result<String> {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            value
                .into_string()
                .ok()
                .with_context(|| format!("{name}: not text"))
        };
        match name.as_str() {
            "--" => {
                parsed.command = arguments.collect();
                break;
            }
            "--backend" => parsed.backend = text()?,
            "--nested" => parsed.backend = "nested".into(),
            "--card" => parsed.card = text()?.into(),
            "--size" => parsed.size = size(&text()?)?,
            "--scale" => {
                let scale: f64 = text()?.parse().context("--scale")?;
                if !(0.5..=8.0).contains(&scale) {
                    bail!("--scale is between 0.5 and 8");
                }
                parsed.options.scale = scale;
            }
            "--socket" => parsed.socket = Some(text()?),
            "--panel" => parsed.panel = Some(text()?.into()),
            "--no-panel" => parsed.no_panel = true,
            "--layout" => parsed.options.keyboard_layout = Some(text()?),
            "--variant" => parsed.options.keyboard_variant = Some(text()?),
            "--xkb-options" => parsed.options.keyboard_options = Some(text()?),
            "--allow-input-injection" => parsed.options.allow_input_injection = true,
            _ => bail!("unknown option {name}; --help lists them"),
        }
    }
    Ok(parsed)
}

/// Without a word on it: a window where a desktop runs, the display where there is one.
fn usual_backend() -> &'static str {
    if std::env::var_os("WAYLAND_DISPLAY").is_some_and(|name| !name.is_empty()) {
        "nested"
    } else if Path::new(CARD).exists() {
        "drm"
    } else {
        "headless"
    }
}

fn size(text: &str) -> anyhow::Result<Extent> {
    let (width, height) = text.split_once('x').context("a size is WIDTHxHEIGHT")?;
    Extent::new(width.parse()?, height.parse()?).context("no such size")
}
