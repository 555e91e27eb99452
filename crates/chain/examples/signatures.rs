//! What checking a signature costs, alone and in batches: `cargo run --release -p vote-chain --example
//! signatures` prints a line of JSON. One core, the least of a few runs.

#![allow(
    clippy::disallowed_methods,
    reason = "a measurement, which looks at the clock"
)]

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use vote_chain::{ChainId, Claim, PublicKey, Purpose, SecretKey, Signature, which_hold};

/// Signatures checked in each run.
const COUNT: usize = 2048;
/// As long as the unsigned part of a plain ballot, in bytes.
const CONTENT: [u8; 180] = [7; 180];

fn claims(chain: &ChainId, signed: &[(PublicKey, Signature)]) -> Vec<Claim> {
    let claim = |(key, signature): &(PublicKey, Signature)| {
        Claim::new(key, Purpose::Transaction, chain, &CONTENT, signature)
    };
    signed.iter().map(claim).collect()
}

/// Microseconds for each signature, in batches of `size`.
fn measure(chain: &ChainId, signed: &[(PublicKey, Signature)], size: usize) -> f64 {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for part in signed.chunks(size) {
            std::hint::black_box(which_hold(&claims(chain, part)));
        }
        least = least.min(start.elapsed());
    }
    let count = u32::try_from(signed.len()).expect("some thousands");
    least.as_secs_f64() * 1e6 / f64::from(count)
}

fn main() {
    let chain = ChainId::default();
    let sign = |number: usize| {
        let seed = std::array::from_fn(|at| number.to_le_bytes().get(at).copied().unwrap_or(1));
        let key = SecretKey::from_seed(&seed);
        (
            key.public(),
            key.sign(Purpose::Transaction, &chain, &CONTENT),
        )
    };
    let good: Vec<_> = (0..COUNT).map(sign).collect();
    // As somebody sends them who wants to be a burden.
    let mut one_wrong = good.clone();
    one_wrong[COUNT / 3].1 = good[0].1;
    let all_wrong: Vec<_> = good
        .iter()
        .map(|(key, _)| (*key, good[COUNT - 1].1))
        .collect();

    let alone = measure(&chain, &good, 1);
    let cost = |signed: &[(PublicKey, Signature)], size| {
        let us = measure(&chain, signed, size);
        json!({ "us": (us * 10.0).round() / 10.0, "of_alone": (us / alone * 100.0).round() / 100.0 })
    };
    let sizes = [1, 2, 3, 4, 6, 8, 11, 16, 64, 256, 1024];
    let by_size: Map<String, Value> = sizes
        .iter()
        .map(|size| (size.to_string(), cost(&good, *size)))
        .collect();
    let one_wrong = cost(&one_wrong, 1024);
    let all_wrong = cost(&all_wrong, 1024);
    println!(
        "{}",
        json!({ "by_size": by_size, "1024_one_wrong": one_wrong, "1024_all_wrong": all_wrong })
    );
}
