//! Memory: the functions of C, the heap, frames, page tables.

use crate::code::{shortest, space};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use ochre_hal::frame::{self, Eagerness, Frame};
use ochre_hal::paging::{Detached, PageTable, Perms};
use ochre_hal::{HUGE_SIZE, PAGE_SIZE, log, uaccess};

/// memcpy and its fellows, at all small lengths and distances, against loops over bytes.
pub fn memory_functions() {
    let pattern = |i: usize| (i * 7 + i / 32) as u8;
    for len in (0..80).chain([255, 256, 257, 1000]) {
        for distance in [0, 1, 3, 7, 8, 9, 15, 16, 31, 40, 100] {
            for up in [false, true] {
                let mut bytes: Vec<u8> = (0..len + distance + 2).map(pattern).collect();
                let mut expected = bytes.clone();
                let (from, to) = if up {
                    (1, 1 + distance)
                } else {
                    (1 + distance, 1)
                };
                for i in 0..len {
                    expected[to + i] = pattern(from + i);
                }
                bytes.copy_within(from..from + len, to);
                assert!(bytes == expected, "memmove {len} {distance} {up}");
                if distance >= len {
                    let (low, high) = expected.split_at_mut(1 + distance);
                    low[1..1 + len].fill(9);
                    high[..len].copy_from_slice(&low[1..1 + len]);
                    assert!(high[..len].iter().all(|&b| b == 9));
                }
            }
        }
        let one: Vec<u8> = (0..len).map(pattern).collect();
        for at in 0..len {
            let mut other = one.clone();
            other[at] = other[at].wrapping_add(1);
            assert_eq!(
                one.cmp(&other),
                one[at].cmp(&other[at]),
                "memcmp {len} {at}"
            );
            assert!(one != other);
            other[at] = one[at];
            assert!(one == other);
        }
    }
    log!("memory functions ok");
}

pub fn heap() {
    let mut all = Vec::new();
    for size in [1, 15, 16, 17, 100, 1000, 2047, 2049, 5000, 100_000, 3 << 20] {
        let mut v: Vec<u8> = Vec::new();
        v.resize(size, size as u8);
        all.push(v);
    }
    for v in &all {
        assert!(v.iter().all(|&b| b == v.len() as u8));
    }
    log!("heap ok");
}

pub fn frames() {
    let before = frame::stats().free;
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(Frame::alloc_zeroed().expect("memory"));
    }
    assert!(frame::stats().free + 1000 <= before);
    let copy = held[5].clone();
    assert!(!copy.is_unique());
    held.clear();
    assert!(copy.is_unique());
    let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
    let copy_of_part = Frame::alloc().expect("memory");
    huge.atomic_u32(7 * PAGE_SIZE + 8)
        .store(77, Ordering::Relaxed);
    copy_of_part.copy_from(&huge, 7 * PAGE_SIZE);
    assert_eq!(copy_of_part.atomic_u32(8).load(Ordering::Relaxed), 77);
    drop((huge, copy_of_part));
    drop(copy);
    let dma = frame::alloc_contiguous(5, None).expect("memory");
    for pair in dma.windows(2) {
        assert_eq!(pair[0].addr().0 + 4096, pair[1].addr().0);
    }
    drop(dma);
    let after = frame::stats().free;
    assert!(before.abs_diff(after) <= 8, "frames leak: {before} {after}");
    let nanos = shortest(|| {
        for _ in 0..100 {
            drop(Frame::alloc_zeroed());
        }
    });
    log!("frames ok; a zeroed frame takes {} ns", nanos / 100);
}

pub fn huge_pages() {
    let mut table = space();
    table.activate();
    let at = 0x4000_0000;
    assert!(table.can_map_huge(at));
    let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
    table
        .map(at, huge.clone(), Perms::READ | Perms::WRITE)
        .expect("memory");
    uaccess::store_u64(at + 5 * PAGE_SIZE, 55).expect("mapped");
    let mut child = PageTable::new().expect("memory");
    let rest = table.fork_into(&mut child, at..at + HUGE_SIZE, true, &mut 1);
    assert_eq!(rest, Ok(None));
    table.finish_fork();
    assert_eq!(table.get(at).expect("mapped").perms, Perms::READ);
    let small = Frame::alloc_zeroed().expect("memory");
    table
        .replace(at + 5 * PAGE_SIZE, small, Perms::READ | Perms::WRITE)
        .expect("memory");
    assert_eq!(uaccess::load_u64(at + 5 * PAGE_SIZE), Ok(0));
    assert_eq!(
        table.get(at + 6 * PAGE_SIZE).expect("mapped").size,
        PAGE_SIZE
    );
    table
        .move_range(at, at + 2 * HUGE_SIZE, HUGE_SIZE)
        .expect("memory");
    assert!(table.get(at).is_none());
    assert_eq!(
        table
            .get(at + 2 * HUGE_SIZE + 6 * PAGE_SIZE)
            .expect("mapped")
            .perms,
        Perms::READ
    );
    table.unmap(at..at + 4 * HUGE_SIZE);
    assert!(table.can_map_huge(at));
    let again = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
    table.map(at, again, Perms::READ).expect("memory");
    drop(table);
    assert_eq!(huge.atomic_u64(5 * PAGE_SIZE).load(Ordering::Relaxed), 55);
    assert!(!huge.is_unique());
    drop(child);
    assert!(huge.is_unique());
    log!("huge pages ok");
}

/// What is unmapped of a huge page is free at once, and what one space is left with is its own.
pub fn broken_huge_pages() {
    let half = HUGE_SIZE / 2;
    let mut table = space();
    table.activate();
    let (at, rights) = (0x4000_0000, Perms::READ | Perms::WRITE);
    let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
    table.map(at, huge, rights).expect("memory");
    let free = || frame::stats().free;
    let whole = free();
    table.unmap(at..at + half);
    assert!(free() >= whole + half / PAGE_SIZE);
    let mut child = PageTable::new().expect("memory");
    let rest = table.fork_into(&mut child, at..at + HUGE_SIZE, true, &mut 1);
    assert_eq!(rest, Ok(None));
    table.finish_fork();
    let is_unique = |table: &mut PageTable| {
        let mut unique = false;
        table.protect_with(at + half..at + half + PAGE_SIZE, |frame, perms| {
            unique = frame.is_some_and(Frame::is_unique);
            perms
        });
        unique
    };
    assert!(!is_unique(&mut table));
    drop(child);
    assert!(is_unique(&mut table));
    table.unmap(at + half..at + HUGE_SIZE);
    assert!(free() >= whole + HUGE_SIZE / PAGE_SIZE);
    log!("broken huge pages ok");
}

/// A copy for a fork that is made in pieces has everything in the end, and each piece no more than it may.
pub fn forked_in_pieces() {
    const BLOCKS: usize = 7;
    let mut table = space();
    table.activate();
    let (at, rights) = (0x4000_0000, Perms::READ | Perms::WRITE);
    let range = at..at + BLOCKS * HUGE_SIZE;
    let places = || {
        (0..BLOCKS).flat_map(|block| [1, 400].map(|page| at + block * HUGE_SIZE + page * PAGE_SIZE))
    };
    for va in places() {
        let frame = Frame::alloc_zeroed().expect("memory");
        table.map(va, frame, rights).expect("memory");
    }
    let mut child = PageTable::new().expect("memory");
    let mut from = Some(range.start);
    let mut pieces = 0;
    while let Some(start) = from {
        let before = child.resident();
        from = table
            .fork_into(&mut child, start..range.end, true, &mut 3)
            .expect("memory");
        table.finish_fork();
        assert!(child.resident() - before <= 3 * 2);
        pieces += 1;
    }
    assert_eq!(pieces, BLOCKS.div_ceil(3));
    assert_eq!(child.resident(), BLOCKS * 2);
    for va in places() {
        let both = [&table, &child].map(|table| table.get(va).expect("mapped"));
        assert_eq!(both[0].phys, both[1].phys);
        assert!(both.iter().all(|entry| entry.perms == Perms::READ));
    }
    drop(child);
    log!("fork in pieces ok");
}

/// What is detached is out of the space at once, and its frames are free block by block.
pub fn detached() {
    const BLOCKS: usize = 12;
    let mut table = space();
    table.activate();
    let (at, rights) = (0x4000_0000, Perms::READ | Perms::WRITE);
    let range = at - PAGE_SIZE..at + BLOCKS * HUGE_SIZE + PAGE_SIZE;
    let tables = table.tables();
    let free = || frame::stats().free;
    // A page on either side, a block of small pages, a huge one, and so on.
    let small = |table: &mut PageTable, va: usize| {
        let frame = Frame::alloc_zeroed().expect("memory");
        table.map(va, frame, rights).expect("memory");
    };
    small(&mut table, range.start);
    small(&mut table, range.end - PAGE_SIZE);
    for block in 0..BLOCKS {
        let start = at + block * HUGE_SIZE;
        if block % 3 == 1 {
            let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
            table.map(start, huge, rights).expect("memory");
        } else {
            small(&mut table, start);
            small(&mut table, start + HUGE_SIZE - PAGE_SIZE);
        }
    }
    assert!(uaccess::store_u64(at, 7).is_ok());
    let (mapped, resident) = (free(), table.resident());
    // One for each block and each page beside them, and one above.
    assert_eq!(table.tables(), tables + BLOCKS + 2 + 1);
    let mut gone = Detached::default();
    table.detach(range.clone(), &mut gone);
    assert!(uaccess::load_u64(at).is_err() && uaccess::load_u64(range.start).is_err());
    table.for_each(range.clone(), |va, _| panic!("{va:#x} is still there"));
    let mut pages = 2;
    while let Some(released) = gone.release_block() {
        table.forget(&released);
        pages += released.pages;
    }
    let huge = BLOCKS / 3;
    assert_eq!(
        pages,
        2 + huge * HUGE_SIZE / PAGE_SIZE + (BLOCKS - huge) * 2
    );
    assert_eq!(table.resident(), resident - pages);
    // Its tables, and those put aside for the huge pages, are free, too.
    assert_eq!(free(), mapped + pages + BLOCKS);
    assert_eq!(table.tables(), tables + 2 + 1);
    // A space is cleared in pieces.
    let mut other = PageTable::new().expect("memory");
    small(&mut other, at);
    small(&mut other, at + HUGE_SIZE);
    assert!(!other.clear(1));
    assert!(other.clear(1));
    log!("detached ok");
}
