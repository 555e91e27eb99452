//! Signature checks and reads of the ledger, off the loop's thread and bounded in number.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use vote_chain::{
    Block, BlockFault, ChainId, CommitCertificate, TransactionFault, Verified, VerifiedBlock, Whole,
};

/// Pieces of work that run or wait at one time; beyond it peers' work is dropped and apps are asked
/// to come back.
const JOBS_MAX: usize = 64;

/// Reads of the ledger that are made at one time for apps: what remains of the threads is for
/// voting.
const READERS: usize = 2;
/// Reads and checks that validators ask for and that run or wait for their turn, and as many that
/// all other peers ask for; beyond it peers are not answered.
const FOR_PEERS_MAX: usize = 8;

/// Batches that peers have passed on and that wait to be verified, in bytes: of all validators, and
/// of one peer of them.
const OF_VALIDATORS_BYTES: usize = 16 << 20;
pub(crate) const OF_ONE_PEER_BYTES: usize = 4 << 20;
/// Of all others, and of one of them.
const OF_OTHERS_BYTES: usize = 8 << 20;
const OF_ONE_OTHER_BYTES: usize = 1 << 20;

/// Work of one kind: room for what waits, in bytes or in number, and turns at a thread.
#[derive(Clone, Debug)]
struct Queue {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Queue {
    fn new(room: usize, turns: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(room)),
            turns: Arc::new(Semaphore::new(turns)),
        }
    }
}

/// Hands work to blocking threads.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    for_apps: Arc<Semaphore>,
    /// One at a time, and one for all other peers.
    for_validators: Queue,
    for_others: Queue,
    for_blocks: Arc<Semaphore>,
    cores: usize,
    gossip_of_validators: Queue,
    /// One at a time: whatever strangers sign, the other processors are for voting.
    gossip_of_others: Queue,
    chain: ChainId,
}

impl Pool {
    pub(crate) fn new(chain: ChainId) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let for_blocks = places(cores);
        Self {
            permits: places(JOBS_MAX),
            for_apps: places(READERS),
            for_validators: Queue::new(FOR_PEERS_MAX, 1),
            for_others: Queue::new(FOR_PEERS_MAX, 1),
            for_blocks,
            // One is left for voting.
            gossip_of_validators: Queue::new(OF_VALIDATORS_BYTES, cores.saturating_sub(1).max(1)),
            gossip_of_others: Queue::new(OF_OTHERS_BYTES, 1),
            cores,
            chain,
        }
    }

    /// Runs `work` on a blocking thread, once there is room.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ChainId) -> T + Send + 'static,
    ) -> T {
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .expect("never closed");
        self.run_with(permit, work).await
    }

    /// Reads the ledger for an app, in its turn.
    pub(crate) async fn read_for_app<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let turn = self
            .for_apps
            .clone()
            .acquire_owned()
            .await
            .expect("never closed");
        self.run_with(turn, move |_| read()).await
    }

    /// Reads or checks something for a peer, in its turn; none if many wait: it asks again. What
    /// strangers ask for holds up no validator that has missed a block.
    pub(crate) fn try_for_peer<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        of_validator: bool,
        work: W,
    ) -> Option<impl Future<Output = T> + use<T, W>> {
        let queue = if of_validator {
            &self.for_validators
        } else {
            &self.for_others
        };
        let place = queue.room.clone().try_acquire_owned().ok()?;
        let (pool, turns) = (self.clone(), queue.turns.clone());
        Some(async move {
            let turn = turns.acquire_owned().await.expect("never closed");
            let done = pool.run_with(turn, move |_| work()).await;
            drop(place);
            done
        })
    }

    /// Verifies transactions that a peer has passed on, in their turn; none if too much waits
    /// already, of all such peers, or in `own`, the room of this one.
    pub(crate) fn try_verify_gossip(
        &self,
        of_validator: bool,
        own: &Arc<Semaphore>,
        transactions: Vec<ByteBuf>,
    ) -> Option<impl Future<Output = Vec<Result<Arc<Verified>, TransactionFault>>> + use<>> {
        let queue = if of_validator {
            &self.gossip_of_validators
        } else {
            &self.gossip_of_others
        };
        let bytes =
            u32::try_from(transactions.iter().map(|bytes| bytes.len()).sum::<usize>()).ok()?;
        let own = own.clone().try_acquire_many_owned(bytes).ok()?;
        let waiting = OF_ONE_PEER_BYTES.saturating_sub(own.semaphore().available_permits());
        if !of_validator && waiting > OF_ONE_OTHER_BYTES {
            return None;
        }
        let room = queue.room.clone().try_acquire_many_owned(bytes).ok()?;
        let (pool, turns) = (self.clone(), queue.turns.clone());
        Some(async move {
            let turn = turns.acquire_owned().await.expect("never closed");
            let verdicts = pool
                .run_with(turn, move |chain| verify_all(chain, &transactions))
                .await;
            drop((own, room));
            verdicts
        })
    }

    /// Verifies the transactions of final blocks, in as many parts as there are processors.
    ///
    /// # Errors
    /// [`BlockFault::Transaction`].
    pub(crate) async fn verify_blocks(
        &self,
        blocks: Vec<(Whole<Block>, CommitCertificate)>,
    ) -> Result<Vec<(Arc<VerifiedBlock>, CommitCertificate)>, BlockFault> {
        let blocks = Arc::new(blocks);
        let count: usize = blocks
            .iter()
            .map(|(block, _)| block.transactions.len())
            .sum();
        let share = count.div_ceil(self.cores);
        let parts: Vec<_> = (0..self.cores)
            .map(|at| self.verify_part(blocks.clone(), at * share, share))
            .collect();
        let mut verified = Vec::with_capacity(count);
        for part in parts {
            verified.extend(
                part.await
                    .expect("checks do not panic, and the runtime outlives them")?,
            );
        }
        let mut verified = verified.into_iter();
        let put_together = |(block, certificate): &(Whole<Block>, CommitCertificate)| {
            let block = VerifiedBlock::verify(&self.chain, block, |_| verified.next())?;
            Ok((Arc::new(block), certificate.clone()))
        };
        blocks.iter().map(put_together).collect()
    }

    /// Verifies so many transactions of some blocks, after so many others.
    fn verify_part(
        &self,
        blocks: Arc<Vec<(Whole<Block>, CommitCertificate)>>,
        before: usize,
        count: usize,
    ) -> JoinHandle<Result<Vec<Arc<Verified>>, BlockFault>> {
        let pool = self.clone();
        tokio::spawn(async move {
            let turn = pool
                .for_blocks
                .clone()
                .acquire_owned()
                .await
                .expect("never closed");
            let verify = move |chain: &ChainId| {
                let places = blocks
                    .iter()
                    .flat_map(|(block, _)| block.transactions.iter().enumerate());
                let (indices, part): (Vec<_>, Vec<_>) = places.skip(before).take(count).unzip();
                let fault = |index| move |fault| BlockFault::Transaction { index, fault };
                let verdicts = verify_all(chain, &part).into_iter().zip(indices);
                verdicts
                    .map(|(verdict, index)| verdict.map_err(fault(index)))
                    .collect()
            };
            pool.run_with(turn, verify).await
        })
    }

    pub(crate) async fn run_with<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl FnOnce(&ChainId) -> T + Send + 'static,
    ) -> T {
        let chain = self.chain;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&chain);
            drop(permit);
            result
        });
        done.await
            .expect("checks do not panic, and the runtime outlives them")
    }
}

/// Verifies each, their signatures in batches.
pub(crate) fn verify_all(
    chain: &ChainId,
    transactions: &[impl AsRef<[u8]>],
) -> Vec<Result<Arc<Verified>, TransactionFault>> {
    vote_chain::verify_all(chain, transactions.iter().map(AsRef::as_ref))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn batches_of_strangers_fill_their_own_room_and_leave_that_of_validators() {
        let pool = Pool::new(ChainId::default());
        let own = || Arc::new(Semaphore::new(OF_ONE_PEER_BYTES));
        let batch = || vec![ByteBuf::from(vec![0; 1 << 20])];
        let one = own();
        let mut waiting = Vec::new();
        while let Some(work) = pool.try_verify_gossip(false, &one, batch()) {
            waiting.push(work);
        }
        assert_eq!(waiting.len(), OF_ONE_OTHER_BYTES >> 20, "one has a part");
        while let Some(work) = pool.try_verify_gossip(false, &own(), batch()) {
            waiting.push(work);
        }
        assert_eq!(waiting.len(), OF_OTHERS_BYTES >> 20);
        let of_validator = pool.try_verify_gossip(true, &own(), batch()).unwrap().await;
        assert!(matches!(
            of_validator[..],
            [Err(TransactionFault::TooLarge(_))]
        ));
        let validator = own();
        let of_one: Vec<_> =
            std::iter::from_fn(|| pool.try_verify_gossip(true, &validator, batch())).collect();
        assert_eq!(
            of_one.len(),
            OF_ONE_PEER_BYTES >> 20,
            "a validator has more"
        );
        drop(waiting);
        assert!(
            pool.try_verify_gossip(false, &one, batch()).is_some(),
            "there is room again"
        );
    }

    #[tokio::test]
    async fn what_strangers_ask_for_is_done_one_by_one_and_holds_up_neither_validators_nor_apps() {
        let pool = Pool::new(ChainId::default());
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let read = || {
            let wait = wait.clone();
            move || {
                let _ = wait.lock().unwrap().recv();
            }
        };
        let waiting: Vec<_> = std::iter::from_fn(|| pool.try_for_peer(false, read()))
            .map(tokio::spawn)
            .collect();
        assert_eq!(waiting.len(), FOR_PEERS_MAX, "no more are answered");
        let of_validator = pool.try_for_peer(true, || 0).unwrap();
        assert_eq!(
            (
                of_validator.await,
                pool.read_for_app(|| 1).await,
                pool.run(|_| 2).await
            ),
            (0, 1, 2)
        );
        drop(go_on);
        for done in waiting {
            done.await.unwrap();
        }
        assert!(pool.try_for_peer(false, read()).is_some(), "there is room");
    }
}
