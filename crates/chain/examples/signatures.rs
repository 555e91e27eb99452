//! What checking a signature costs, alone and in batches: `cargo run --release -p vote-chain --example signatures` prints a line of JSON.
//! One core, the least of a few runs.

#![allow(clippy::disallowed_methods, reason = "a measurement, which looks at the clock")]

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

/// Microseconds for each signature.
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
    (least.as_secs_f64() * 1e7 / f64::from(count)).round() / 10.0
}

fn main() {
    let chain = ChainId::default();
    let sign = |number: usize| {
        let seed = std::array::from_fn(|at| number.to_le_bytes().get(at).copied().unwrap_or(1));
        let key = SecretKey::from_seed(&seed);
        (key.public(), key.sign(Purpose::Transaction, &chain, &CONTENT))
    };
    let signed: Vec<_> = (0..COUNT).map(sign).collect();
    let alone = measure(&chain, &signed, 1);
    let mut us: Map<String, Value> = Map::new();
    for size in [1, 2, 3, 4, 6, 8, 11, 16, 64, 256, 1024] {
        let each = measure(&chain, &signed, size);
        us.insert(size.to_string(), json!({ "us": each, "of_alone": (each / alone * 100.0).round() / 100.0 }));
    }
    // As somebody sends them who wants to be a burden.
    let mut wrong = signed.clone();
    wrong[COUNT / 3].1 = wrong[0].1;
    us.insert("1024, one wrong".to_owned(), json!({ "us": measure(&chain, &wrong, 1024) }));
    wrong.iter_mut().for_each(|(_, signature)| *signature = signed[0].1);
    us.insert("1024, nearly all wrong".to_owned(), json!({ "us": measure(&chain, &wrong, 1024) }));
    println!("{}", json!({ "alone_us": alone, "by_size": us }));
}
