//! `ochrectl`: the control socket by hand.

use std::{
    fmt::Display,
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, anyhow, bail};
use ochre_compositor::{
    control::{BindingReply, Reply, Request, SOCKET},
    input::Action,
};

const HELP: &str = "\
Usage: ochrectl COMMAND

  windows                  list windows
  outputs                  list outputs
  screenshot FILE          write what is on screen into a PNG file
  idle-wait [MILLISECONDS] wait until nothing has happened for so long (60)
  action WORDS             do what a key would: close, toggle-maximized, workspace 2,
                           spawn foot; docs/compositor.md names them all
  bindings                 which keys and buttons do what, as the configuration writes it
  reload-config            read the configuration again; says what is wrong with it
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
        say(HELP);
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

/// Prints a line. Where nobody reads on, that is the end, as for what SIGPIPE ends.
fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("ochrectl: cannot print: {error}");
        }
        std::process::exit(1);
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
    } else if let Some(bindings) = &read.bindings {
        print_bindings(bindings);
    } else if read.windows.is_some() || read.outputs.is_some() {
        say(reply);
    }
    if arguments[0] == "events" {
        for line in lines {
            say(line?);
        }
    }
    Ok(read.ok)
}

/// Bindings as the configuration has them, so that lines can be taken over.
fn print_bindings(bindings: &[BindingReply]) {
    for (pointer, table) in [(false, "[keys]"), (true, "[buttons]")] {
        say(table);
        for binding in bindings.iter().filter(|binding| binding.pointer == pointer) {
            // JSON's texts and lists are TOML's.
            let plain = binding
                .action
                .iter()
                .all(|word| !word.contains(char::is_whitespace));
            let action = if plain {
                serde_json::json!(binding.action.join(" "))
            } else {
                serde_json::json!(binding.action)
            };
            say(format_args!(
                "{} = {action}",
                serde_json::json!(binding.chord)
            ));
        }
    }
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
        ["action", ref words @ ..] => {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let name = Action::from_words(&words);
            let name = name.map_err(|wrong| anyhow!("{wrong}\n  fix: {}", wrong.fix))?;
            Request::Action { name }
        }
        ["bindings"] => Request::Bindings,
        ["reload-config"] => Request::ReloadConfig,
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
