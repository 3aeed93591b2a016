//! What is wrong with a theme file: where, what, and how to mend it.

use std::path::{Path, PathBuf};

/// A mistake in a theme file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}{}", path.display(), hint(.suggestion))]
pub struct ThemeError {
    pub path: PathBuf,
    /// Counted from 1, as editors do.
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map(|text| format!("\n  fix: {text}"))
        .unwrap_or_default()
}

impl ThemeError {
    pub(crate) fn at(
        path: &Path,
        text: &str,
        offset: usize,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> ThemeError {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        ThemeError {
            path: path.into(),
            line,
            column,
            message: message.into(),
            suggestion,
        }
    }
}
