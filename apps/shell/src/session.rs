//! One run of the shell, from its start files to its exit status.

use crate::arguments::{Arguments, Source};
use crate::kill::Kill;
use crate::script::ScriptInput;
use brush_builtins::{BuiltinSet, ShellBuilderExt};
use brush_core::builtins::simple_builtin;
use brush_core::extensions::{ErrorFormatter, ShellExtensionsImpl};
use brush_core::openfiles::OpenFile;
use brush_core::{ProfileLoadBehavior, RcLoadBehavior, ShellExtensions, ShellVariable};
use brush_interactive::{
    BasicInputBackend, InputBackend, InteractiveOptions, InteractiveShell, ReedlineInputBackend,
    ShellRef, UIOptions,
};
use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The prompt where no file sets another: the folder, and whether one is root.
const PROMPT: &str = r"\[\e[1;34m\]\w\[\e[0m\] \$ ";
const PLAIN_PROMPT: &str = r"\w \$ ";

/// The first descriptor that no command finds in use.
const FIRST_FREE: i32 = 10;

type Extensions = ShellExtensionsImpl<Messages>;
type Shell = brush_core::Shell<Extensions>;

/// Errors are the shell's, and say so.
#[derive(Clone, Default)]
struct Messages;

impl ErrorFormatter for Messages {
    fn format_error(
        &self,
        error: &brush_core::Error,
        _: &brush_core::Shell<impl ShellExtensions>,
    ) -> String {
        format!("sh: {error:#}\n")
    }
}

/// Runs until the commands end; the exit status.
pub async fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let shell = Arc::new(Mutex::new(build(&arguments).await?));
    let result = match &arguments.source {
        Source::Commands(commands) => {
            let result = shell.lock().await.run_dash_c_command(commands).await;
            result.map(drop)
        }
        Source::Script(path) => {
            let mut shell = shell.lock().await;
            let positional = arguments.positional.iter();
            shell
                .run_script(Path::new(path), positional)
                .await
                .map(drop)
        }
        Source::Input if arguments.is_interactive() && std::io::stdin().is_terminal() => {
            prompt(&shell).await?;
            Ok(())
        }
        Source::Input => {
            converse(&shell, &mut ScriptInput).await?;
            Ok(())
        }
    };
    let shell = shell.lock().await;
    if let Err(error) = result {
        shell.display_error(&mut shell.stderr(), &error)?;
        return Ok(1);
    }
    Ok(shell.last_exit_status())
}

/// Prompts at a terminal.
async fn prompt(shell: &ShellRef<Extensions>) -> anyhow::Result<()> {
    // The line editor asks its terminal things that a dumb one has no answer to.
    if is_dumb() {
        return converse(shell, &mut BasicInputBackend).await;
    }
    let options = UIOptions::builder()
        .disable_color(std::env::var_os("NO_COLOR").is_some())
        .build();
    let mut editor = ReedlineInputBackend::new(&options, shell)?;
    converse(shell, &mut editor).await
}

/// Whether the terminal is one that only prints.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb")
}

async fn converse(
    shell: &ShellRef<Extensions>,
    input: &mut impl InputBackend,
) -> anyhow::Result<()> {
    let options = InteractiveOptions::default();
    let mut conversation = InteractiveShell::new(shell, input, &options)?;
    Ok(conversation.run_interactively().await?)
}

async fn build(arguments: &Arguments) -> anyhow::Result<Shell> {
    let interactive = arguments.is_interactive();
    let chosen = |options: &[(String, bool)], wanted: bool| -> Vec<String> {
        let those = options.iter().filter(|(_, on)| *on == wanted);
        those.map(|(name, _)| name.clone()).collect()
    };
    let mut builder = brush_core::Shell::builder_with_extensions::<Extensions>()
        .default_builtins(BuiltinSet::BashMode)
        .builtin("kill", simple_builtin::<Kill, Extensions>())
        .enable_options(chosen(&arguments.options, true))
        .disable_options(chosen(&arguments.options, false))
        .enable_shopt_options(chosen(&arguments.shell_options, true))
        .disable_shopt_options(chosen(&arguments.shell_options, false));
    if interactive && std::env::var_os("PS1").is_none() {
        let prompt = if is_dumb() { PLAIN_PROMPT } else { PROMPT };
        builder = builder.var("PS1", ShellVariable::new(prompt));
    }
    // By its descriptor, not through std's standard input, whose buffer would keep from commands
    // what `read` has left.
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), FIRST_FREE)
        .map(|input| (0, OpenFile::from(File::from(input))));
    let mut shell = builder
        .profile(ProfileLoadBehavior::Skip)
        .rc(RcLoadBehavior::Skip)
        .interactive(interactive)
        .login(arguments.login)
        .posix(arguments.posix && !interactive)
        .command_string_mode(matches!(arguments.source, Source::Commands(_)))
        .read_commands_from_stdin(arguments.source == Source::Input)
        .fds(input.into_iter().collect())
        .shell_name(arguments.name.clone())
        .shell_args(arguments.positional.clone())
        .shell_product_display_str("Ochre sh".to_owned())
        .shell_version(env!("CARGO_PKG_VERSION").to_owned())
        .build()
        .await?;
    let profile = match arguments.without_profile {
        true => ProfileLoadBehavior::Skip,
        false => ProfileLoadBehavior::LoadDefault,
    };
    let rc = match &arguments.rc_file {
        _ if arguments.without_rc => RcLoadBehavior::Skip,
        Some(file) => RcLoadBehavior::LoadCustom(file.clone()),
        None => RcLoadBehavior::LoadDefault,
    };
    shell.load_config(&profile, &rc).await?;
    Ok(shell)
}
