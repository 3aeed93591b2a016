//! The allocator: contents survive, alignment holds, blocks travel between threads.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A generator with a known sequence.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize
    }
}

fn size(sequence: &mut Sequence) -> usize {
    let limit = match sequence.next() % 100 {
        0..70 => 200,
        70..90 => 5000,
        90..98 => 100_000,
        _ => 3 << 20,
    };
    1 + sequence.next() % limit
}

fn check(block: &[u8], mark: u8) {
    let step = (block.len() / 64).max(1);
    assert!(block.iter().step_by(step).all(|&byte| byte == mark));
    assert_eq!(block.last(), Some(&mark));
}

fn churn(seed: u64, rounds: usize) -> usize {
    let mut sequence = Sequence(seed);
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut total = 0;
    for round in 0..rounds {
        let length = size(&mut sequence);
        total += length;
        if sequence.next().is_multiple_of(3) && !blocks.is_empty() {
            let index = sequence.next() % blocks.len();
            let mark = blocks[index][0];
            check(&blocks[index], mark);
            blocks[index].resize(length, mark);
            check(&blocks[index], mark);
        } else if blocks.len() < 150 {
            blocks.push(vec![round as u8; length]);
        } else {
            let index = sequence.next() % blocks.len();
            let block = blocks.swap_remove(index);
            check(&block, block[0]);
        }
    }
    total
}

/// Whether memory of blocks that are gone goes back to the kernel.
fn gives_back() -> bool {
    let resident = || -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let before = resident();
    let blocks: Vec<Vec<u8>> = (0..64).map(|mark| vec![mark; 200_000]).collect();
    assert!(resident() >= before + (8 << 20));
    drop(blocks);
    // Not at once: memory that is taken again and again shall stay.
    (0..100).any(|_| {
        drop(std::hint::black_box(vec![1_u8; 200_000]));
        thread::sleep(Duration::from_millis(100));
        resident() < before + (4 << 20)
    })
}

fn main() {
    // First: what an allocator keeps depends on what it was asked for before.
    println!("given back {}", gives_back());
    println!("churn {}", churn(1, 6000));
    let threads: Vec<_> = (0..6)
        .map(|n| thread::spawn(move || churn(n + 2, 2000)))
        .collect();
    let totals: Vec<usize> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    println!("threads {totals:?}");

    // Made by one thread, freed by another, while the makers come and go.
    let (sender, receiver) = mpsc::channel::<Vec<u8>>();
    let makers: Vec<_> = (0..8u8)
        .map(|mark| {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut sequence = Sequence(u64::from(mark) + 99);
                for _ in 0..2000 {
                    sender.send(vec![mark; 1 + sequence.next() % 600]).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut count = [0usize; 8];
    for block in receiver {
        check(&block, block[0]);
        count[block[0] as usize] += 1;
    }
    makers.into_iter().for_each(|maker| maker.join().unwrap());
    println!("travelled {count:?}");

    for power in 0..24 {
        let layout = Layout::from_size_align(100 + power * 77, 1 << power).unwrap();
        // SAFETY: allocated and freed with the same layout, used within its size.
        unsafe {
            let block = alloc_zeroed(layout);
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
            assert!((0..layout.size()).all(|n| *block.add(n) == 0));
            block.write_bytes(0xa5, layout.size());
            let grown = realloc(block, layout, layout.size() * 9);
            assert!(grown.addr().is_multiple_of(layout.align()));
            assert!((0..layout.size()).all(|n| *grown.add(n) == 0xa5));
            dealloc(
                grown,
                Layout::from_size_align(layout.size() * 9, 1 << power).unwrap(),
            );
        }
    }
    println!("aligned");

    let mut grown = Vec::new();
    for n in 0..6_000_000u32 {
        grown.push(n);
    }
    println!("grown {}", grown.iter().map(|&n| u64::from(n)).sum::<u64>());
    grown.truncate(1000);
    grown.shrink_to_fit();
    println!("shrunk {}", grown.iter().sum::<u32>());

    for _ in 0..50 {
        let zeroed = vec![0u8; 700_000];
        assert!(zeroed.iter().all(|&byte| byte == 0));
        let mut dirty = vec![1u8; 700_000];
        dirty[5] = 2;
    }
    // SAFETY: an impossible size is only asked for.
    unsafe {
        let huge = alloc(Layout::from_size_align(isize::MAX as usize - 4096, 16).unwrap());
        println!("impossible {}", huge.is_null());
        println!("overflow {}", libc::calloc(usize::MAX / 2, 4).is_null());
    }
}
