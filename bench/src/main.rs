//! Measures a kernel from user space. The same program runs on Ochre and on Linux, and prints one
//! line a row: name, unit and value, separated by tabs. All rows are times, so smaller is better.
//!
//! `bench [NAME…]` measures the rows whose names begin with one of these, or all.

mod calls;
mod files;
mod ipc;
mod measure;
mod memory;
mod parallel;
mod process;
mod signals;
mod turns;

use anyhow::Result;
use measure::Row;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    match wanted.first().map(String::as_str) {
        // What the rows of `process` start, to end at once.
        Some("--end") => return ExitCode::SUCCESS,
        Some(process::AGAIN) => return process::execute_again(),
        Some("--help") => {
            println!("bench [NAME…]: measure the rows that begin with one of these names, or all");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    wanted.retain(|name| !name.is_empty());
    let mut status = ExitCode::SUCCESS;
    let areas = [
        calls::ROWS,
        ipc::ROWS,
        turns::ROWS,
        signals::ROWS,
        process::ROWS,
        memory::ROWS,
        files::ROWS,
        parallel::ROWS,
    ];
    for row in areas.into_iter().flatten() {
        if !wanted.is_empty()
            && !wanted
                .iter()
                .any(|name| row.name.starts_with(name.as_str()))
        {
            continue;
        }
        if let Err(error) = print(row) {
            eprintln!("bench: {}: {error:#}", row.name);
            status = ExitCode::FAILURE;
        }
    }
    status
}

fn print(row: &Row) -> Result<()> {
    let nanos = (row.measure)()?;
    println!("{}\tns\t{nanos:.1}", row.name);
    Ok(())
}
