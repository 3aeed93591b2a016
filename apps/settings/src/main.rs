//! The settings app.

use anyhow::Context;
use ochre_settings::Settings;

fn main() -> anyhow::Result<()> {
    ochre_toolkit::shell::run(Settings::new()).context("settings")
}
