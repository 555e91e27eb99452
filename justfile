# Each recipe is one line that plain cargo can do as well.

# A network of four validators on this machine
cluster *args:
    cargo run --release --bin cluster -- {{args}}

# Throughput, latency, idle cost; JSON
bench *args:
    cargo run --release --bin cluster -- bench --json {{args}}

# All tests
test:
    cargo test --workspace

# The page: build it, and drive it in a browser on a network of its own
page:
    cargo build --workspace --bins && cd crates/web/page && npm ci && npm run check && npm run build && BOOTH_DIST=../dist npm run browser

# `just sim --seeds 10000`: so many simulated networks of every kind. `just sim --seed 4711`: the whole simulation, from one seed
sim kind number:
    {{ if kind == "--seeds" { "SIM_SEEDS" } else { "SIM_SEED" } }}={{number}} cargo test --workspace --test network {{ if kind == "--seeds" { "sim::many" } else { "sim" } }}

# A validator restored from every image of its disk, from so many seeds
restored seeds="500":
    SIM_SEEDS={{seeds}} cargo test --workspace --test network sim::restored

# Format
fmt:
    cargo fmt --all

# Lints
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The pure crates have no runtime, no network, no database in their trees
pure:
    sh -c '! cargo tree -p vote-chain -p vote-counting -e normal | grep -E "tokio|libp2p|redb"'

# Documentation
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# What .ci/run runs beside the tests
check:
    cargo fmt --all --check
    just lint pure doc
