//! Signature checks, off the loop's thread and bounded in number.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vote_chain::{ChainId, TransactionFault, Verified, verify};

/// Pieces of work that run or wait at one time; beyond it peers' work is dropped and apps are asked to come back.
const JOBS_MAX: usize = 64;

/// Hands work to blocking threads.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    chain: ChainId,
}

impl Pool {
    pub(crate) fn new(chain: ChainId) -> Self {
        Self { permits: Arc::new(Semaphore::new(JOBS_MAX)), chain }
    }

    /// Room for one piece of work, now or not at all.
    pub(crate) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// Runs `work` on a blocking thread, once there is room.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&ChainId) -> T + Send + 'static) -> T {
        let permit = self.permits.clone().acquire_owned().await.expect("never closed");
        self.run_with(permit, work).await
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
        done.await.expect("checks do not panic, and the runtime outlives them")
    }
}

/// Verifies each.
pub(crate) fn verify_all(
    chain: &ChainId,
    transactions: &[impl AsRef<[u8]>],
) -> Vec<Result<Arc<Verified>, TransactionFault>> {
    transactions.iter().map(|bytes| verify(chain, bytes.as_ref()).map(Arc::new)).collect()
}
