//! The suite `docs`: pages that are made from the sources say what the sources say, and what pages
//! link to is there.

use super::Tally;
use crate::{abi_page, lines_table, paths};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs it; with `update`, writes what is stale.
pub fn run(update: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    tally.test(abi_page::PAGE, abi(update));
    tally.test(lines_table::PAGE, lines(update));
    for page in pages()? {
        let name = page.strip_prefix(paths::root()).unwrap_or(&page).display();
        tally.test(&format!("links of {name}"), links(&page));
    }
    Ok(tally)
}

fn abi(update: bool) -> Result<()> {
    let page = abi_page::make()?;
    let path = paths::root().join(abi_page::PAGE);
    let stale = fs::read_to_string(&path).unwrap_or_default() != page;
    renew(&path, stale.then_some(page), update)
}

fn lines(update: bool) -> Result<()> {
    let path = paths::root().join(lines_table::PAGE);
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    renew(&path, lines_table::renewed(&page)?, update)
}

/// Writes what a page should be, if that is not what it is.
fn renew(path: &Path, page: Option<String>, update: bool) -> Result<()> {
    match page {
        None => Ok(()),
        Some(page) if update => fs::write(path, page).with_context(|| path.display().to_string()),
        Some(_) => bail!("it is stale: `./x test docs --update` writes it anew"),
    }
}

/// The project's pages: the README and docs/.
fn pages() -> Result<Vec<PathBuf>> {
    let docs = paths::root().join("docs");
    let mut pages = vec![paths::root().join("README.md")];
    for entry in fs::read_dir(&docs).with_context(|| docs.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// Every file that the page links to is there.
fn links(page: &Path) -> Result<()> {
    let text = fs::read_to_string(page)?;
    let folder = page.parent().unwrap_or(Path::new("."));
    let missing: Vec<&str> = targets(&text)
        .filter(|target| !folder.join(target).exists())
        .collect();
    ensure!(missing.is_empty(), "not there: {}", missing.join(", "));
    Ok(())
}

/// The files of `[…](FILE#PLACE)`, without those of other hosts.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    links
        .map(|(target, _)| target.split_once('#').map_or(target, |(file, _)| file))
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](b.md#c) ![d](e/f.png) [g](https://h.i/j) [k](#l)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "e/f.png"]);
    }
}
