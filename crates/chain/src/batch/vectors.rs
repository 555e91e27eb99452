//! Signatures at the edges of the rule, on which ledger, page and verifier must agree:
//! testdata/signatures.json, which `UPDATE_VECTORS=1 cargo test -p vote-chain vectors` writes anew.

use std::path::Path;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::{BATCH_MIN, Claim, which_hold};
use crate::key::{PublicKey, Signature};

const MESSAGE: &[u8] = b"Zcash";
/// 2^252 + 27742317777372353535851937790883648493, low byte first.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

struct Vector {
    name: String,
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
    /// Whether it holds by ZIP-215 alone.
    zip215: bool,
    /// Whether it holds here, where some keys are refused.
    holds: bool,
}

impl Vector {
    fn new(
        name: impl Into<String>,
        key: [u8; 32],
        signature: [u8; 64],
        zip215: bool,
        holds: bool,
    ) -> Self {
        Self {
            name: name.into(),
            key,
            message: MESSAGE.to_vec(),
            signature,
            zip215,
            holds,
        }
    }

    fn claim(&self) -> Claim {
        Claim::of(
            &PublicKey::from_bytes(self.key),
            &self.message,
            &Signature::from_bytes(self.signature),
        )
    }

    fn to_json(&self) -> Value {
        let Self {
            name,
            key,
            message,
            signature,
            zip215,
            holds,
        } = self;
        let (key, message, signature) = (
            hex::encode(key),
            hex::encode(message),
            hex::encode(signature),
        );
        json!({ "name": name, "key": key, "message": message, "signature": signature, "zip215": zip215, "holds": holds })
    }
}

fn scalar(text: &[u8]) -> Scalar {
    let hash: [u8; 64] = Sha512::digest(text).into();
    Scalar::from_bytes_mod_order_wide(&hash)
}

fn joined(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r);
    bytes[32..].copy_from_slice(&s);
    bytes
}

fn bytes_of(point: EdwardsPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

/// S of the signature with these encodings of A and R: `r + k a`.
fn s_of(key: [u8; 32], a: Scalar, r_bytes: [u8; 32], r: Scalar) -> [u8; 32] {
    (r + scalar(&[&r_bytes, &key, MESSAGE].concat()) * a).to_bytes()
}

/// y = p + `above`, with the sign of x.
fn odd(above: u8, sign: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + above;
    bytes[31] = 0x7f | sign;
    bytes
}

/// The encodings of the points of small order: the canonical ones, and six others.
fn small_order() -> Vec<[u8; 32]> {
    let signed = |mut bytes: [u8; 32]| {
        bytes[31] |= 0x80;
        bytes
    };
    let one = bytes_of(EIGHT_TORSION[0]);
    let minus_one = bytes_of(EIGHT_TORSION[4]);
    let others = [
        signed(one),
        signed(minus_one),
        odd(0, 0),
        odd(0, 0x80),
        odd(1, 0),
        odd(1, 0x80),
    ];
    EIGHT_TORSION
        .iter()
        .map(|point| bytes_of(*point))
        .chain(others)
        .collect()
}

/// The published cases: A and R of small order in all encodings, S = 0. By ZIP-215 all hold; here
/// none does, since no such A is a key.
fn published() -> Vec<Vector> {
    let encodings = small_order();
    let pairs = encodings
        .iter()
        .flat_map(|key| encodings.iter().map(move |r| (*key, *r)));
    let case = |(number, (key, r))| {
        Vector::new(
            format!("published {number}: A and R of small order"),
            key,
            joined(r, [0; 32]),
            true,
            false,
        )
    };
    pairs.enumerate().map(case).collect()
}

fn own() -> Vec<Vector> {
    let (a, r) = (scalar(b"a"), scalar(b"r"));
    let (key, r_bytes) = (bytes_of(a * B), bytes_of(r * B));
    let plain = joined(r_bytes, s_of(key, a, r_bytes, r));
    let s: [u8; 32] = s_of(key, a, r_bytes, r);
    let with_s = |s| joined(r_bytes, s);
    let mut cases = vec![Vector::new("plain", key, plain, true, true)];

    for (order, torsion) in [
        (8, EIGHT_TORSION[1]),
        (4, EIGHT_TORSION[2]),
        (2, EIGHT_TORSION[4]),
    ] {
        let mixed_key = bytes_of(a * B + torsion);
        let mixed_r = bytes_of(r * B + torsion);
        let signed = |key, r_bytes| joined(r_bytes, s_of(key, a, r_bytes, r));
        let mut mixed = |what: &str, key, r_bytes| {
            cases.push(Vector::new(
                format!("{what}, a part of order {order}"),
                key,
                signed(key, r_bytes),
                true,
                true,
            ));
        };
        mixed("A of mixed order", mixed_key, r_bytes);
        mixed("R of mixed order", key, mixed_r);
        mixed("A and R of mixed order", mixed_key, mixed_r);
    }
    for (number, r_bytes) in small_order().into_iter().enumerate() {
        let signature = joined(r_bytes, s_of(key, a, r_bytes, Scalar::ZERO));
        let what = if number < 8 {
            "canonical"
        } else {
            "not canonical"
        };
        cases.push(Vector::new(
            format!("R of small order {number}, {what}"),
            key,
            signature,
            true,
            true,
        ));
    }

    // Nobody knows whose public key such a point is; so nothing that holds can be made.
    let other_spelling = odd(3, 0);
    let refused = |name: &str, key, signature| Vector::new(name, key, signature, false, false);
    cases.push(refused(
        "A of large order, not canonical",
        other_spelling,
        plain,
    ));
    cases.push(refused(
        "R of large order, not canonical",
        key,
        joined(odd(3, 0), s),
    ));
    cases.push(refused("S + L", key, with_s(plus_l(s))));
    cases.push(refused("S = L", key, with_s(L)));
    let mut high = s;
    high[31] |= 0xe0;
    cases.push(refused("S with its highest bits set", key, with_s(high)));
    cases.push(refused("-R", key, joined(bytes_of(-(r * B)), s)));
    cases.push(refused("another R", key, joined(bytes_of(B), s)));
    cases.push(refused("R that is no point", key, joined(no_point(), s)));
    cases.push(refused("A that is no point", no_point(), plain));
    cases.push(refused("another A", bytes_of(B), plain));
    let said = b"Zcasi".to_vec();
    cases.push(Vector {
        message: said,
        ..refused("another message", key, plain)
    });
    cases.push(Vector {
        message: Vec::new(),
        ..refused("no message", key, plain)
    });
    cases
}

fn plus_l(s: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    std::array::from_fn(|at| {
        let sum = u16::from(s[at]) + u16::from(L[at]) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    })
}

/// y = 2 is on the curve with no x.
fn no_point() -> [u8; 32] {
    std::array::from_fn(|at| if at == 0 { 2 } else { 0 })
}

fn vectors() -> Vec<Vector> {
    published().into_iter().chain(own()).collect()
}

#[test]
fn signatures_of_the_vectors_hold_or_do_not_as_they_say() {
    let vectors = vectors();
    assert_eq!(published().len(), 196);
    for vector in &vectors {
        let key = ed25519_zebra::VerificationKey::try_from(vector.key);
        let signature = ed25519_zebra::Signature::from_bytes(&vector.signature);
        let zip215 = key.is_ok_and(|key| key.verify(&signature, &vector.message).is_ok());
        assert_eq!(
            (zip215, vector.claim().holds()),
            (vector.zip215, vector.holds),
            "{}",
            vector.name
        );
    }
    let about = "Signatures at the edges of ZIP-215. `zip215`: whether it holds by ZIP-215 alone; `holds`: whether it holds here, where a key of small \
        order is refused, and one that is not canonical. The first 196 are the cases published for ZIP-215.";
    let found = json!({ "about": about, "vectors": vectors.iter().map(Vector::to_json).collect::<Vec<_>>() });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/signatures.json");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(found, expected);
}

#[test]
fn batches_say_of_all_vectors_what_is_said_of_each_alone() {
    let vectors = vectors();
    let claims: Vec<_> = vectors.iter().map(Vector::claim).collect();
    let holds: Vec<_> = vectors.iter().map(|vector| vector.holds).collect();
    assert_eq!(which_hold(&claims), holds);

    // Each beside others that hold, and all that hold together: none spoils the batch, and none is
    // saved by it.
    let good: Vec<_> = vectors
        .iter()
        .filter(|vector| vector.holds)
        .map(Vector::claim)
        .collect();
    assert!(good.len() > BATCH_MIN);
    assert!(super::hold_together(&good));
    for (vector, claim) in vectors.iter().zip(&claims) {
        let beside = [&good[..], std::slice::from_ref(claim)].concat();
        assert_eq!(
            super::hold_together(&beside),
            vector.holds,
            "{}",
            vector.name
        );
    }
}
