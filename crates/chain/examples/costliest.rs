//! How long the costliest valid block of each kind takes to be verified, judged and applied, as a
//! multiple of a full block of plain ballots: `cargo run --release -p vote-chain --example
//! costliest` prints a line of JSON for each. One core.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, which looks at the clock and may fail"
)]

#[path = "../tests/chain/costly.rs"]
mod costly;

use std::time::{Duration, Instant};

use costly::Costly;
use serde_json::json;
use vote_chain::VerifiedBlock;

struct Cost {
    verify: Duration,
    validate: Duration,
    commit: Duration,
}

impl Cost {
    /// The least of a few runs, of each part.
    fn of(Costly { before, block, .. }: &Costly) -> Self {
        let travelling = block.to_block().whole().expect("it was built so");
        let mut least = Self {
            verify: Duration::MAX,
            validate: Duration::MAX,
            commit: Duration::MAX,
        };
        for _ in 0..3 {
            let start = Instant::now();
            let verified = VerifiedBlock::verify(&before.chain(), &travelling, |_| None)
                .expect("it was built so");
            least.verify = least.verify.min(start.elapsed());
            let start = Instant::now();
            let changes = before.validate(&verified).expect("it was built so");
            least.validate = least.validate.min(start.elapsed());
            let mut after = before.clone();
            let start = Instant::now();
            after.commit(verified.header(), &changes);
            least.commit = least.commit.min(start.elapsed());
        }
        least
    }

    fn total(&self) -> Duration {
        self.verify + self.validate + self.commit
    }
}

fn main() {
    let plain = Cost::of(&costly::plain()).total();
    for case in costly::CASES {
        let case = case();
        let cost = Cost::of(&case);
        let ms = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        let ratio = (cost.total().as_secs_f64() / plain.as_secs_f64() * 100.0).round() / 100.0;
        println!(
            "{}",
            json!({
                "block": case.name, "transactions": case.block.transactions().len(), "bytes": costly::size(&case.block),
                "verify_ms": ms(cost.verify), "validate_ms": ms(cost.validate), "commit_ms": ms(cost.commit),
                "of_plain": ratio,
            })
        );
    }
}
