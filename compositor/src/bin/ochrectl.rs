//! `ochrectl`: the control socket by hand.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};
use ochre_compositor::control::{Reply, Request, SOCKET};

const HELP: &str = "\
Usage: ochrectl COMMAND

  windows                  list windows
  outputs                  list outputs
  screenshot FILE          write what is on screen into a PNG file
  idle-wait [MILLISECONDS] wait until nothing has happened for so long (60)
  action NAME              do what a key would: close, maximize, restore, minimize,
                           fullscreen, snap-left, snap-right, switch-next,
                           switch-take, next-layout, terminal, launcher, quit,
                           workspace-1 to -4, next-workspace, previous-workspace,
                           move-to-workspace-1 to -4, move-to-next-workspace,
                           move-to-previous-workspace
  window ID DO             activate, close, maximize, restore, minimize, fullscreen
  input JSON               a list of input events (docs/control.md)
  resize WIDTHxHEIGHT      the headless output
  night-light KELVIN       warm the displays (3400 is an evening's), or off
  reload-theme             read the theme again
  events                   print events as they come
  raw JSON                 send a request as it is

The socket is $OCHRE_CONTROL, or ochre-compositor.sock in $XDG_RUNTIME_DIR.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() || matches!(arguments[0].as_str(), "help" | "-h" | "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("ochrectl: {err:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let request = request(arguments)?;
    let path = socket()?;
    let mut stream = UnixStream::connect(&path)
        .with_context(|| format!("cannot reach the compositor at {}", path.display()))?;
    stream.write_all(request.as_bytes())?;
    stream.write_all(b"\n")?;
    let mut lines = BufReader::new(stream).lines();
    let reply = lines
        .next()
        .context("the compositor closed the connection")??;
    let read: Reply = serde_json::from_str(&reply)?;
    if let Some(error) = &read.error {
        eprintln!("ochrectl: {error}");
    } else if read.windows.is_some() || read.outputs.is_some() {
        println!("{reply}");
    }
    if arguments[0] == "events" {
        for line in lines {
            println!("{}", line?);
        }
    }
    Ok(read.ok)
}

/// The request that the arguments mean, as a line.
fn request(arguments: &[String]) -> anyhow::Result<String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let request = match words[..] {
        ["windows"] => Request::Windows,
        ["outputs"] => Request::Outputs,
        ["screenshot", path] => {
            // The compositor's working directory is not ours.
            let path = std::env::current_dir()?.join(path);
            Request::Screenshot {
                path,
                cursor: false,
            }
        }
        ["idle-wait"] => Request::IdleWait {
            quiet: None,
            windows: 0,
            timeout: None,
        },
        ["idle-wait", quiet] => Request::IdleWait {
            quiet: Some(quiet.parse()?),
            windows: 0,
            timeout: None,
        },
        ["action", name] => Request::Action {
            name: serde_json::from_value(name.into())?,
        },
        ["window", id, what] => Request::Window {
            id: serde_json::from_str(id)?,
            what: serde_json::from_value(what.into())?,
        },
        ["input", events] => Request::Input {
            events: serde_json::from_str(events)?,
        },
        ["resize", size] => {
            let (width, height) = size.split_once('x').context("a size is WIDTHxHEIGHT")?;
            Request::Resize {
                width: width.parse()?,
                height: height.parse()?,
            }
        }
        ["night-light", "off"] => Request::NightLight { kelvin: None },
        ["night-light", kelvin] => Request::NightLight {
            kelvin: Some(
                kelvin
                    .parse()
                    .context("a colour temperature in kelvin, or off")?,
            ),
        },
        ["reload-theme"] => Request::ReloadTheme,
        ["events"] => Request::Subscribe,
        ["raw", line] => return Ok(line.to_owned()),
        _ => bail!("no such command; `ochrectl --help` lists them"),
    };
    Ok(serde_json::to_string(&request)?)
}

fn socket() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("OCHRE_CONTROL") {
        return Ok(path.into());
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").context("XDG_RUNTIME_DIR is not set")?;
    Ok(PathBuf::from(runtime).join(SOCKET))
}
