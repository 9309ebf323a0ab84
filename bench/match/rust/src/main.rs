//! The Rust peers of the bench: `peers ENGINE WAY ENTRIES TEXTS CORES`.
//!
//! ENGINE is daachorse, aho (aho-corasick as it chooses itself) or aho-dfa. WAY
//! is `check`: each overlapping match is kept if a space or an end lies on both
//! sides; or `wrap`: entries and texts lie between spaces, so that the automaton
//! itself checks. Texts and entries are words with one space between them.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use daachorse::DoubleArrayAhoCorasick;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

enum Engine {
    Daachorse(DoubleArrayAhoCorasick<u32>),
    Aho(AhoCorasick),
}

fn status(name: &str) -> i64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (engine, wrap) = (args[1].as_str(), args[2] == "wrap");
    let cores: usize = args[5].parse().unwrap();
    let put = |s: &str| if wrap { format!(" {s} ") } else { s.to_string() };

    let mut arena = Vec::new();
    let mut spans = Vec::new();
    for line in std::fs::read_to_string(&args[4]).unwrap().lines() {
        let start = arena.len();
        if wrap {
            arena.push(b' ');
        }
        arena.extend_from_slice(line.as_bytes());
        if wrap {
            arena.push(b' ');
        }
        spans.push((start, arena.len()));
    }
    let before = status("VmRSS:");
    let built = Instant::now();
    let mut ids: Vec<u32> = Vec::new();
    let automaton = {
        let mut patterns: Vec<String> = Vec::new();
        for line in std::fs::read_to_string(&args[3]).unwrap().lines() {
            let (id, text) = line.split_once('\t').unwrap();
            ids.push(id.parse().unwrap());
            patterns.push(put(text));
        }
        match engine {
            "daachorse" => Engine::Daachorse(
                DoubleArrayAhoCorasick::with_values(
                    patterns.iter().zip(ids.iter()).map(|(p, &id)| (p, id)),
                )
                .unwrap(),
            ),
            "aho" => Engine::Aho(
                AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns).unwrap(),
            ),
            "aho-dfa" => Engine::Aho(
                AhoCorasick::builder()
                    .match_kind(MatchKind::Standard)
                    .kind(Some(AhoCorasickKind::DFA))
                    .build(&patterns)
                    .unwrap(),
            ),
            _ => panic!("unknown engine {engine}"),
        }
    };
    let load = built.elapsed().as_secs_f64() * 1e3;

    let next = AtomicUsize::new(0);
    let (found, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|s| {
        for _ in 0..cores {
            s.spawn(|| {
                let mut out: Vec<u32> = Vec::new();
                let (mut n, mut x) = (0u64, 0u64);
                loop {
                    let from = next.fetch_add(1024, Relaxed);
                    if from >= spans.len() {
                        break;
                    }
                    for &(a, b) in &spans[from..(from + 1024).min(spans.len())] {
                        let text = &arena[a..b];
                        out.clear();
                        let ok = |s: usize, e: usize| {
                            wrap || (s == 0 || text[s - 1] == b' ') && (e == text.len() || text[e] == b' ')
                        };
                        match &automaton {
                            Engine::Daachorse(d) => {
                                for m in d.find_overlapping_iter(text) {
                                    if ok(m.start(), m.end()) {
                                        out.push(m.value());
                                    }
                                }
                            }
                            Engine::Aho(d) => {
                                for m in d.find_overlapping_iter(text) {
                                    if ok(m.start(), m.end()) {
                                        out.push(ids[m.pattern().as_usize()]);
                                    }
                                }
                            }
                        }
                        out.sort_unstable();
                        out.dedup();
                        n += out.len() as u64;
                        x += out.iter().map(|&id| id as u64 + 1).sum::<u64>();
                    }
                }
                found.fetch_add(n, Relaxed);
                sum.fetch_add(x, Relaxed);
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{engine}-{}\t{cores}\t{}\t{seconds:.3}\t{}\t{}\t{}\t{}\t{load:.1}",
        args[2],
        spans.len(),
        found.load(Relaxed),
        sum.load(Relaxed),
        status("VmRSS:") - before,
        status("VmHWM:") - before
    );
}
