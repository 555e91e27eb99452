//! The way from one validator set to a later one, in as few steps as are easily found.

use crate::block::Header;
use crate::certificate::CommitCertificate;
use crate::receipt::SetChange;
use crate::validator::ValidatorSet;

/// The steps that lead who trusts the set `trusted`, number `from`, to the set number `to`; set 0
/// is that of the genesis. `handover` gives the block in which a set hands over to the next, the
/// last that it signs. With `block`, one that set `to` has signed, the last step may be a leap to
/// that block; else it is the handover to set `to`.
///
/// From each set the next step is a leap to the furthest set found that shares enough signers with
/// it, or, where there is none, the handover to the next set, which always holds. Each look reads
/// one handover, and a step takes about twice the logarithm of the number of sets that are left:
/// signers become fewer with the distance, so the last set that can be reached is looked for by
/// halves. Where it is otherwise the way is longer than it had to be, and holds all the same.
///
/// # Errors
/// Those of `handover`.
pub fn set_changes<E>(
    trusted: &ValidatorSet,
    from: usize,
    to: usize,
    block: Option<(&Header, &CommitCertificate)>,
    handover: impl FnMut(usize) -> Result<SetChange, E>,
) -> Result<Vec<SetChange>, E> {
    let mut route = Route {
        handover,
        to,
        block,
    };
    let mut at = from;
    let mut set = trusted.clone();
    let mut changes = Vec::new();
    while at < to {
        let reached = route.furthest(at, &set)?;
        let change = if reached == at + 1 {
            (route.handover)(at)?
        } else {
            route.leap(reached)?
        };
        at = reached;
        // A set that comes back is trusted already.
        if change.validators != set {
            set = change.validators.clone();
            changes.push(change);
        }
    }
    Ok(changes)
}

struct Route<'a, F> {
    handover: F,
    to: usize,
    block: Option<(&'a Header, &'a CommitCertificate)>,
}

impl<E, F: FnMut(usize) -> Result<SetChange, E>> Route<'_, F> {
    /// The furthest set that is found to be reached from the set number `at`; the next one always
    /// is.
    fn furthest(&mut self, at: usize, set: &ValidatorSet) -> Result<usize, E> {
        let next = at + 1;
        // Set `to` can be leapt to only with a block that it has signed.
        let mut beyond = if self.block.is_some() {
            self.to + 1
        } else {
            self.to
        };
        let mut reached = next;
        let mut probe = beyond - 1;
        while probe > next {
            if self.is_leap(probe, set)? {
                reached = probe;
                break;
            }
            beyond = probe;
            probe = next + (probe - next) / 2;
        }
        while beyond - reached > 1 {
            let middle = reached + (beyond - reached) / 2;
            if self.is_leap(middle, set)? {
                reached = middle;
            } else {
                beyond = middle;
            }
        }
        Ok(reached)
    }

    fn is_leap(&mut self, to: usize, from: &ValidatorSet) -> Result<bool, E> {
        let (_, certificate) = self.signed(to)?;
        Ok(certificate.check_power(from).is_ok())
    }

    fn leap(&mut self, to: usize) -> Result<SetChange, E> {
        let (header, certificate) = self.signed(to)?;
        // No leap is to the set of the genesis.
        let validators = (self.handover)(to - 1)?.validators;
        Ok(SetChange {
            header,
            certificate,
            validators,
        })
    }

    /// A block that a set has signed.
    fn signed(&mut self, set: usize) -> Result<(Header, CommitCertificate), E> {
        match self.block {
            Some((header, certificate)) if set == self.to => {
                Ok((header.clone(), certificate.clone()))
            }
            _ => (self.handover)(set).map(|change| (change.header, change.certificate)),
        }
    }
}
