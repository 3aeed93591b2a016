//! All of std::fs, and paths.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

fn kind(result: io::Result<impl std::fmt::Debug>) -> String {
    match result {
        Ok(value) => format!("ok {value:?}"),
        Err(error) => format!("{:?} ({error})", error.kind()),
    }
}

fn main() -> io::Result<()> {
    let root = std::env::temp_dir().join(format!("relibc-files-{}", std::process::id()));
    fs::create_dir(&root)?;
    let result = run(&root);
    fs::remove_dir_all(&root)?;
    println!("gone {}", !root.exists());
    result
}

fn run(root: &Path) -> io::Result<()> {
    let path = root.join("one");
    fs::write(&path, "line 1\nline 2\nline 3")?;
    let lines: Vec<String> = io::BufReader::new(File::open(&path)?)
        .lines()
        .collect::<Result<_, _>>()?;
    println!("{lines:?} {}", fs::metadata(&path)?.len());
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .append(false)
        .open(&path)?;
    file.seek(SeekFrom::End(-6))?;
    file.write_all(b"LINE")?;
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("{text:?} at {}", file.stream_position()?);
    let mut part = [0; 4];
    file.read_exact_at(&mut part, 2)?;
    file.write_all_at(b"##", 4)?;
    println!("{:?} {:?}", part, fs::read_to_string(&path)?);
    file.set_len(3)?;
    println!("{:?}", fs::read_to_string(&path)?);
    OpenOptions::new()
        .append(true)
        .open(&path)?
        .write_all(b"+more")?;
    println!("{:?}", fs::read_to_string(&path)?);
    println!(
        "{}",
        kind(
            OpenOptions::new()
                .create_new(true)
                .write(true)
                .open(&path)
                .map(|_| ())
        )
    );
    println!("{}", kind(File::open(root.join("none")).map(|_| ())));
    println!("{}", kind(fs::read_dir(&path).map(|_| ())));
    println!("{}", kind(fs::create_dir(root)));
    println!("{}", kind(fs::remove_dir(root)));
    println!("{}", kind(File::open("with\0zero").map(|_| ())));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    println!("{:o}", fs::metadata(&path)?.permissions().mode());
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    file.set_modified(then)?;
    println!(
        "{:?}",
        fs::metadata(&path)?
            .modified()?
            .duration_since(SystemTime::UNIX_EPOCH)
    );
    file.sync_all()?;
    file.sync_data()?;

    symlink("one", root.join("link"))?;
    fs::hard_link(&path, root.join("hard"))?;
    println!(
        "{:?} {}",
        fs::read_link(root.join("link"))?,
        fs::metadata(&path)?.nlink()
    );
    println!(
        "{}",
        fs::symlink_metadata(root.join("link"))?
            .file_type()
            .is_symlink()
    );
    println!(
        "{}",
        fs::canonicalize(root.join("link"))? == fs::canonicalize(&path)?
    );
    println!(
        "{}",
        kind(fs::canonicalize(root.join("link/x")).map(|_| ()))
    );
    symlink("loop", root.join("loop"))?;
    println!("{}", kind(fs::metadata(root.join("loop")).map(|_| ())));
    fs::rename(root.join("hard"), root.join("moved"))?;
    println!("{}", fs::copy(root.join("moved"), root.join("copy"))?);
    println!(
        "{:o}",
        fs::metadata(root.join("copy"))?.permissions().mode()
    );

    fs::create_dir_all(root.join("a/b/c"))?;
    for n in 0..300 {
        fs::write(root.join(format!("a/b/file-{n:03}")), n.to_string())?;
    }
    let mut names: Vec<_> = fs::read_dir(root.join("a/b"))?
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    println!("{} {:?} {:?}", names.len(), names[0], names[300]);
    let kinds = fs::read_dir(root)?
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let kind = entry.file_type().unwrap();
            (
                entry.file_name(),
                kind.is_dir(),
                kind.is_symlink(),
                kind.is_fifo(),
            )
        });
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort();
    println!("{kinds:?}");

    let locked = File::create(root.join("locked"))?;
    locked.lock()?;
    println!("{:?}", File::open(root.join("locked"))?.try_lock().is_err());
    locked.unlock()?;
    std::env::set_current_dir(root)?;
    println!("{}", std::env::current_dir()? == fs::canonicalize(root)?);
    println!("{:?}", fs::exists("moved")?);
    let (mut reader, mut writer) = io::pipe()?;
    writer.write_all(b"through a pipe")?;
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    println!("{text}");
    Ok(())
}
