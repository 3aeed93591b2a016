//! The panel. `--launcher` shows only the launcher, for a key of the compositor's.

use anyhow::Context;
use ochre_panel::Panel;

fn main() -> anyhow::Result<()> {
    let launcher_only = std::env::args()
        .nth(1)
        .is_some_and(|word| word == "--launcher");
    let panel = if launcher_only {
        Panel::launcher_only()
    } else {
        Panel::new()
    };
    ochre_toolkit::shell::run(panel).context("panel")
}
