//! What a tree becomes once it is an archive, as the cpio tool unpacks it.

use super::Tree;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of this test's own, emptied.
fn folder(name: &str) -> PathBuf {
    let folder = crate::paths::target().join("test-tree").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn put(path: &Path, contents: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Archives the tree and unpacks it below `folder`.
fn unpack(tree: &Tree, folder: &Path) -> PathBuf {
    let archive = folder.join("archive.cpio");
    tree.write(File::create(&archive).unwrap()).unwrap();
    let out = folder.join("out");
    fs::create_dir_all(&out).unwrap();
    let status = Command::new("cpio")
        .args(["-idm", "--quiet"])
        .stdin(Stdio::from(File::open(&archive).unwrap()))
        .current_dir(&out)
        .status()
        .expect("cpio is installed");
    assert!(status.success());
    out
}

#[test]
fn an_entry_that_is_a_link_stays_one() {
    let folder = folder("entries");
    put(&folder.join("usr/bin/tool"), "tool", 0o755);
    symlink("usr/bin", folder.join("bin")).unwrap();
    let mut tree = Tree::default();
    for name in ["bin", "usr"] {
        tree.entry(&folder.join(name), &Path::new("/").join(name))
            .unwrap();
    }
    let out = unpack(&tree, &folder);
    assert_eq!(
        fs::read_link(out.join("bin")).unwrap(),
        PathBuf::from("usr/bin")
    );
    assert_eq!(fs::read_to_string(out.join("bin/tool")).unwrap(), "tool");
}

#[test]
fn files_links_and_modes_come_through() {
    let folder = folder("modes");
    let host = folder.join("host");
    put(&host.join("bin/tool"), "#!/bin/sh\n", 0o4755);
    put(&host.join("big"), &"x".repeat(100_000), 0o600);
    symlink("bin/tool", host.join("soft")).unwrap();
    fs::hard_link(host.join("big"), host.join("hard")).unwrap();
    let mut tree = Tree::default();
    tree.host(&host, Path::new("/")).unwrap();
    let out = unpack(&tree, &folder);

    assert_eq!(
        fs::read_to_string(out.join("bin/tool")).unwrap(),
        "#!/bin/sh\n"
    );
    assert_eq!(
        fs::metadata(out.join("bin/tool")).unwrap().mode() & 0o7777,
        0o4755
    );
    assert_eq!(
        fs::read_link(out.join("soft")).unwrap(),
        Path::new("bin/tool")
    );
    assert_eq!(fs::read(out.join("hard")).unwrap().len(), 100_000);
    let inode = |name: &str| fs::metadata(out.join(name)).unwrap().ino();
    assert_eq!(inode("big"), inode("hard"));
}

#[test]
fn a_path_through_a_link_lands_behind_it_whichever_came_first() {
    for link_first in [true, false] {
        let folder = folder(if link_first {
            "link-first"
        } else {
            "link-last"
        });
        let root = folder.join("root");
        put(&root.join("usr/bin/sh"), "sh", 0o755);
        symlink("usr/bin", root.join("bin")).unwrap();
        let mut tree = Tree::default();
        if link_first {
            tree.host(&root, Path::new("/")).unwrap();
        }
        tree.bytes("/bin/added", 0o755, b"added".to_vec()).unwrap();
        if !link_first {
            tree.host(&root, Path::new("/")).unwrap();
        }
        tree.link_if_absent("/bin/sh", "/ochre/bin/sh").unwrap();
        tree.link_if_absent("/bin/vi", "/ochre/bin/editor").unwrap();
        assert!(tree.has("/bin/vi") || !tree.has("/ochre/bin/editor"));
        let out = unpack(&tree, &folder);

        assert_eq!(
            fs::read_link(out.join("bin")).unwrap(),
            Path::new("usr/bin")
        );
        assert_eq!(
            fs::read_to_string(out.join("usr/bin/added")).unwrap(),
            "added"
        );
        assert_eq!(fs::read_to_string(out.join("usr/bin/sh")).unwrap(), "sh");
        let editor = fs::read_link(out.join("usr/bin/vi")).unwrap();
        assert_eq!(editor, Path::new("/ochre/bin/editor"));
    }
}

#[test]
fn links_in_a_circle_are_an_error() {
    let mut tree = Tree::default();
    tree.link_if_absent("/a", "b").unwrap();
    tree.link_if_absent("/b", "a").unwrap();
    let error = tree.bytes("/a/file", 0o644, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("/a"), "{error}");
}

#[test]
fn ochres_own_files_come_first() {
    let folder = folder("order");
    let mut tree = Tree::default();
    tree.bytes("/bin/a", 0o755, b"a".to_vec()).unwrap();
    tree.bytes("/ochre/bin/init", 0o755, b"init".to_vec())
        .unwrap();
    let archive = folder.join("archive.cpio");
    tree.write(File::create(&archive).unwrap()).unwrap();
    let output = Command::new("cpio")
        .args(["-t", "--quiet"])
        .stdin(Stdio::from(File::open(&archive).unwrap()))
        .output()
        .unwrap();
    let listing = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = listing.lines().collect();
    assert_eq!(
        names,
        ["ochre", "ochre/bin", "ochre/bin/init", ".", "bin", "bin/a"]
    );
}
