//! Processes many objects with a few concurrent calls.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

const AT_A_TIME: usize = 8;

/// Processes each item; returns the first error, and then cancels the work in progress.
pub async fn for_each<T, E, W, F>(items: Vec<T>, work: W) -> Result<(), E>
where
    T: Send + 'static,
    E: Send + 'static,
    W: Fn(T) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    let items = Arc::new(Mutex::new(items.into_iter()));
    let mut workers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (items, work) = (Arc::clone(&items), work.clone());
        workers.spawn(async move {
            loop {
                let item = items.lock().unwrap_or_else(PoisonError::into_inner).next();
                match item {
                    Some(item) => work(item).await?,
                    None => return Ok(()),
                }
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        // If a worker panicked, its item is not done; the panic is on stderr.
        ended.unwrap_or(Ok(()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_item_once_or_the_error() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&done);
        let all = for_each((0..100).collect(), move |item: i32| {
            let into = Arc::clone(&into);
            async move {
                into.lock().unwrap().push(item);
                Ok::<(), ()>(())
            }
        });
        assert_eq!(all.await, Ok(()));
        let mut done = done.lock().unwrap().clone();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        let one_fails = for_each(vec![1, 2, 3], |item| async move { if item == 2 { Err(item) } else { Ok(()) } });
        assert_eq!(one_fails.await, Err(2));
    }
}
