//! Looks things up in the file's tables, and says where they are wrong.

use std::{ops::RangeInclusive, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::ConfigError;
use crate::input::nearest_of;

/// The file being read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
}

impl<'a> Reader<'a> {
    /// A mistake at a byte of the file.
    pub(super) fn error(
        &self,
        at: usize,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> ConfigError {
        let before = self.text.get(..at).unwrap_or(self.text);
        ConfigError {
            path: self.path.into(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// A value of the wrong kind.
    fn kind(&self, key: &str, value: &Spanned<DeValue>, wanted: &str, fix: &str) -> ConfigError {
        let found = value.get_ref().type_str();
        let message = format!("{key} must be {wanted}, and this is of the type {found}");
        self.error(value.span().start, message, fix)
    }

    /// A value that must be a table.
    pub(super) fn table<'t, 'i>(
        &self,
        key: &str,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Result<&'t DeTable<'i>, ConfigError> {
        let fix = format!("[{key}], and below it what is chosen, line by line");
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.kind(key, value, "a table", &fix))
    }

    /// A table that may only have these keys.
    pub(super) fn section<'t, 'i>(
        &self,
        table: &'t DeTable<'i>,
        keys: &[&str],
    ) -> Result<Section<'a, 't, 'i>, ConfigError> {
        for key in table.keys() {
            let written: &str = key.get_ref();
            if !keys.contains(&written) {
                let shown: String = written.chars().take(40).collect();
                let fix = match nearest_of(written, keys) {
                    Some(near) => near.to_owned(),
                    None => format!("one of: {}", keys.join(", ")),
                };
                let message = format!("nothing here is called {shown}");
                return Err(self.error(key.span().start, message, fix));
            }
        }
        Ok(Section {
            reader: *self,
            table,
        })
    }
}

/// A table and its keys.
pub(super) struct Section<'a, 't, 'i> {
    pub(super) reader: Reader<'a>,
    table: &'t DeTable<'i>,
}

impl<'t, 'i> Section<'_, 't, 'i> {
    pub(super) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// A text and where it stands.
    pub(super) fn text(
        &self,
        key: &str,
        example: &str,
    ) -> Result<Option<(&'t str, usize)>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.get_ref().as_str() {
            Some(text) => Ok(Some((text, value.span().start))),
            None => {
                let fix = format!("{key} = \"{example}\"");
                Err(self.reader.kind(key, value, "text in quotes", &fix))
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str, usual: bool) -> Result<bool, ConfigError> {
        match self.get(key) {
            None => Ok(usual),
            Some(value) => value.get_ref().as_bool().ok_or_else(|| {
                let fix = format!("{key} = {usual}");
                self.reader.kind(key, value, "true or false", &fix)
            }),
        }
    }

    /// A number within limits.
    pub(super) fn number(
        &self,
        key: &str,
        limits: RangeInclusive<f64>,
        usual: f64,
    ) -> Result<Option<f64>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let (low, high) = (limits.start(), limits.end());
        let fix = format!("{key} = {usual}");
        let wanted = format!("a number from {low} to {high}");
        let Some(number) = number_of(value.get_ref()) else {
            return Err(self.reader.kind(key, value, &wanted, &fix));
        };
        if !limits.contains(&number) {
            let message = format!("{key} is {wanted}");
            return Err(self.reader.error(value.span().start, message, fix));
        }
        Ok(Some(number))
    }

    /// A whole number within limits.
    pub(super) fn whole(
        &self,
        key: &str,
        limits: RangeInclusive<i32>,
        usual: i32,
    ) -> Result<i32, ConfigError> {
        let wide = f64::from(*limits.start())..=f64::from(*limits.end());
        let number = self.number(key, wide, f64::from(usual))?;
        Ok(number.map_or(usual, |number| number.round() as i32)) // within the limits
    }
}

/// A number, with a point or without.
pub(super) fn number_of(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(number)
}
