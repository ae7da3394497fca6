//! Machines that no cluster uses: a start costs seconds on two processors, a reset less than one.
//!
//! ```text
//! cluster begins ──▶ take: one that is ready, or one that is being reset, or a new one
//! cluster ends ────▶ give_back: reset in the background ──▶ ready, or ended when that does not succeed
//! ```

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use super::{
    Error, Programs, Setup,
    machine::{Machine, Shape},
    reset,
};

/// Additional machines are ended: each holds half a gigabyte.
const MOST: usize = 4;
/// How long the calls of a cluster that has ended may take.
const RETIREMENT: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct Pool {
    waiting: Mutex<Vec<Waiting>>,
    started: AtomicU64,
}

/// A machine that is ready or soon will be; `None` if it is unfit for another cluster.
struct Waiting {
    shape: Shape,
    machine: JoinHandle<Option<Arc<Machine>>>,
}

impl Pool {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine in its fresh state.
    pub(super) async fn take(
        &self,
        programs: &Programs,
        setup: &Setup,
        shape: Shape,
        sandbox: &str,
    ) -> Result<Arc<Machine>, Error> {
        loop {
            let found = {
                let mut waiting = self.waiting();
                let fits = |one: &Waiting| one.shape == shape;
                let ready = waiting.iter().position(|one| fits(one) && one.machine.is_finished());
                ready.or_else(|| waiting.iter().position(fits)).map(|position| waiting.remove(position))
            };
            match found {
                None => break,
                // If the reset panicked, there is no machine.
                Some(waiting) => {
                    if let Ok(Some(machine)) = waiting.machine.await {
                        return Ok(machine);
                    }
                }
            }
        }
        let number = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Arc::new(Machine::start(programs, setup, number, shape, sandbox).await?))
    }

    /// Takes back a cluster's machine. `retired` completes when nobody uses it any more.
    pub fn give_back(&self, machine: Arc<Machine>, retired: impl Future<Output = ()> + Send + 'static) {
        let shape = machine.shape.clone();
        if machine.is_worn() || self.waiting().len() >= MOST {
            machine.end();
            return;
        }
        let task = tokio::spawn(async move {
            // A call that gets no answer must not keep the next cluster waiting.
            if tokio::time::timeout(RETIREMENT, retired).await.is_err() {
                eprintln!("sandbox: a control plane is not used again: somebody still uses it");
                machine.end();
                return None;
            }
            match reset::reset(&machine).await {
                Ok(true) => Some(machine),
                Ok(false) => {
                    machine.end();
                    None
                }
                Err(error) => {
                    eprintln!("sandbox: a control plane is not used again: {}", error.whole());
                    machine.end();
                    None
                }
            }
        });
        self.waiting().push(Waiting { shape, machine: task });
    }

    /// Ends all waiting machines, at process exit. Children that a task still holds end with the process.
    pub fn end_all(&self) {
        for waiting in std::mem::take(&mut *self.waiting()) {
            waiting.machine.abort();
        }
    }
}
