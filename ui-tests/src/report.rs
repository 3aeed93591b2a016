//! The report: one HTML file that needs nothing else, with every picture that matters inside.

use std::fmt::Write;
use std::path::Path;

use crate::compare::{Tolerance, highlight};
use crate::desk::Checked;
use crate::error::Error;
use crate::golden::Goldens;
use crate::picture::Picture;

/// What became of a scene.
pub struct Outcome {
    pub name: String,
    pub tolerance: Tolerance,
    pub checked: Vec<Checked>,
    pub error: Option<String>,
    pub seconds: f64,
}

impl Outcome {
    pub fn passed(&self) -> bool {
        self.error.is_none()
            && self
                .checked
                .iter()
                .all(|checked| checked.difference.is_none())
    }
}

const STYLE: &str = "
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 110rem; margin: 2rem auto; padding: 0 2rem; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem; }
  .passed h2::before { content: '✓ '; color: #4a8a3a; }
  .failed h2::before { content: '✗ '; color: #c83c2c; }
  p { margin: .25rem 0; } pre { white-space: pre-wrap; color: #c83c2c; }
  .views { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
  figure { margin: .5rem 0; } figcaption { opacity: .7; }
  img { width: 100%; border: 1px solid #8884; cursor: zoom-in; }
  figure.large { grid-column: 1 / -1; } figure.large img { width: auto; cursor: zoom-out; }
  summary { cursor: pointer; }
";

/// A click shows a picture in its own size.
const SCRIPT: &str = "
  document.addEventListener('click', event => {
    if (event.target.tagName == 'IMG') event.target.parentNode.classList.toggle('large');
  });
";

/// Writes the report.
pub fn write(path: &Path, outcomes: &[Outcome]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    std::fs::write(path, html(outcomes)).map_err(Error::file(path))
}

/// Removes the pictures of the run before.
pub fn clear_failed(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(folder)(error))
        }
        _ => Ok(()),
    }
}

/// Writes the pictures of a scene's failed checks: `SCENE/CHECK.{expected,actual,difference}.png`.
pub fn write_failed(folder: &Path, outcome: &Outcome) -> Result<(), Error> {
    let places = Goldens::new(folder);
    for checked in &outcome.checked {
        if checked.difference.is_none() {
            continue;
        }
        let path = places.path(&outcome.name, &checked.name);
        checked.seen.write(&path.with_extension("actual.png"))?;
        if let Some(approved) = &checked.approved {
            approved.write(&path.with_extension("expected.png"))?;
            highlight(approved, &checked.seen, outcome.tolerance)
                .write(&path.with_extension("difference.png"))?;
        }
    }
    Ok(())
}

fn html(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let mut html = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| {
        html.write_fmt(text)
            .expect("a string takes all that is written");
    };
    add(format_args!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Screens</title>\
         <style>{STYLE}</style><h1>{} scenes passed, {failed} failed</h1>\n",
        outcomes.len() - failed
    ));
    // Failures first: they are what one has come for.
    let (bad, good): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| !outcome.passed());
    for outcome in bad.into_iter().chain(good) {
        let class = if outcome.passed() { "passed" } else { "failed" };
        add(format_args!(
            "<section class={class}><h2>{}</h2>",
            escape(&outcome.name)
        ));
        add(format_args!(
            "<p>{} checks, {:.1} s</p>",
            outcome.checked.len(),
            outcome.seconds
        ));
        if let Some(error) = &outcome.error {
            add(format_args!("<pre>{}</pre>", escape(error)));
        }
        for checked in &outcome.checked {
            check(&mut add, checked, outcome.tolerance);
        }
        add(format_args!("</section>\n"));
    }
    add(format_args!("<script>{SCRIPT}</script></html>\n"));
    html
}

fn check(add: &mut impl FnMut(std::fmt::Arguments<'_>), checked: &Checked, tolerance: Tolerance) {
    let name = escape(&checked.name);
    let Some(difference) = &checked.difference else {
        let note = if checked.updated {
            " (approved now)"
        } else {
            ""
        };
        add(format_args!(
            "<details><summary>{name}{note}</summary><div class=views>"
        ));
        if let Some(approved) = checked.approved.as_ref().filter(|_| checked.updated) {
            figure(add, "before", approved);
        }
        figure(add, "seen", &checked.seen);
        add(format_args!("</div></details>"));
        return;
    };
    match &checked.approved {
        None => {
            add(format_args!(
                "<p>{name}: nothing was approved yet</p><div class=views>"
            ));
            figure(add, "after", &checked.seen);
        }
        Some(approved) => {
            add(format_args!("<p>{name}: {difference}</p><div class=views>"));
            figure(add, "before", approved);
            figure(add, "after", &checked.seen);
            figure(
                add,
                "difference",
                &highlight(approved, &checked.seen, tolerance),
            );
        }
    }
    add(format_args!("</div>"));
}

fn figure(add: &mut impl FnMut(std::fmt::Arguments<'_>), caption: &str, picture: &Picture) {
    let data = base64(&picture.to_png());
    add(format_args!(
        "<figure><figcaption>{caption}</figcaption>\
         <img alt=\"{caption}\" src=\"data:image/png;base64,{data}\"></figure>"
    ));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for digit in 0..4 {
            if digit <= group.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::compare;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_failure_shows_before_after_and_difference() {
        let (approved, mut seen) = (Picture::new(4, 4), Picture::new(4, 4));
        seen.pixels[5] = 0xff_ffff;
        let difference = compare(&approved, &seen, Tolerance::EXACT);
        let checked = Checked {
            name: "<moved>".to_owned(),
            approved: Some(approved),
            seen,
            difference,
            updated: false,
        };
        let outcome = Outcome {
            name: "windows".to_owned(),
            tolerance: Tolerance::EXACT,
            checked: vec![checked],
            error: None,
            seconds: 1.0,
        };
        assert!(!outcome.passed());
        let html = html(&[outcome]);
        for part in [
            "0 scenes passed, 1 failed",
            "&lt;moved&gt;: 1 pixels differ, by up to 255, within 1×1 at 1, 1",
            ">before<",
            ">after<",
            ">difference<",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert_eq!(html.matches("data:image/png;base64,").count(), 3);
    }
}
