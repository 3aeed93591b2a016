//! `theme`: lists, chooses, shows and checks themes.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use ochre_theme::{Pair, Preferences, Store, Theme, wallpaper};

const USAGE: &str = "\
usage: theme list              the themes there are; * marks the chosen one
       theme set NAME          choose a theme; everything open changes at once
       theme show [NAME]       its tokens
       theme check FILE        compile a theme file, and prove its contrasts
       theme wallpaper WIDTHxHEIGHT FILE.png
                               paint the chosen theme's wallpaper";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("theme: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    let store = Store::new();
    match *words {
        ["list"] => list(&store),
        ["set", name] => {
            let preferences = Preferences {
                theme: name.to_owned(),
                ..store.preferences()
            };
            store.set(&preferences)?;
        }
        ["show"] => show(&store.active()?),
        ["show", name] => show(&store.load(name, &store.preferences())?),
        ["check", file] => check(Path::new(file))?,
        ["wallpaper", size, file] => paint(&store, size, file)?,
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

fn list(store: &Store) {
    let preferences = store.preferences();
    for entry in store.list() {
        let mark = if entry.id == preferences.theme {
            '*'
        } else {
            ' '
        };
        match store.load(&entry.id, &preferences) {
            Ok(theme) => println!("{mark} {:<22} {}", entry.id, theme.name),
            Err(error) => println!("{mark} {:<22} {error}", entry.id),
        }
    }
}

fn show(theme: &Theme) {
    println!("{}", theme.name);
    for (name, color) in theme.tokens.all() {
        let [red, green, blue, alpha] = color.to_rgba();
        let block = format!("\x1b[48;2;{red};{green};{blue}m    \x1b[0m");
        println!("  {block} {name:<24} #{red:02x}{green:02x}{blue:02x} {alpha:3}");
    }
}

fn check(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let theme = Theme::parse(&text, file)?;
    let proof = theme.proof();
    if let Some(broken) = proof.iter().find(|pair| !pair.holds()) {
        bail!("{broken:?}");
    }
    let least = |a: &&Pair, b: &&Pair| a.ratio.total_cmp(&b.ratio);
    if let Some(pair) = proof.iter().min_by(least) {
        println!(
            "{}: {} uses of text, all at {} or more; the least is {} on {}, {:.2}",
            theme.name,
            proof.len(),
            pair.required,
            pair.text,
            pair.surface,
            pair.ratio
        );
    }
    Ok(())
}

fn paint(store: &Store, size: &str, file: &str) -> anyhow::Result<()> {
    let (width, height) = size
        .split_once('x')
        .context("a size is written 1920x1080")?;
    let (width, height) = (width.parse()?, height.parse()?);
    let bitmap = wallpaper::paint(&store.active()?, width, height).context("too large")?;
    let bytes: Vec<u8> = bitmap
        .pixels()
        .iter()
        .flat_map(|pixel| {
            let [_, red, green, blue] = pixel.to_be_bytes();
            [red, green, blue]
        })
        .collect();
    let output = std::fs::File::create(file).with_context(|| file.to_owned())?;
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(output), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}
