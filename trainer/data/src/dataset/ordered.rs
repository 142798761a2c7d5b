//! Work in parallel, results in order, memory bounded.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Results that may wait for an earlier one, per thread.
const AHEAD: usize = 4;

/// Gives every item to `make` on one of `threads` threads, each with a state of its own
/// from `start`, and hands the results to `keep` in the order of the items.
///
/// # Errors
/// The first error of `start`, `make` or `keep`; work under way is then abandoned.
pub fn in_order<T: Sync, S, R: Send>(
    items: &[T],
    threads: usize,
    start: impl Fn() -> Result<S> + Sync,
    make: impl Fn(&mut S, &T) -> Result<R> + Sync,
    mut keep: impl FnMut(usize, R) -> Result<()>,
) -> Result<()> {
    let ahead = threads.max(1) * AHEAD;
    let (work, todo) = sync_channel::<usize>(ahead);
    let todo = Mutex::new(todo);
    let (done, results) = sync_channel::<(usize, Result<R>)>(ahead);
    let run = |done: std::sync::mpsc::SyncSender<(usize, Result<R>)>| {
        let mut state = start();
        loop {
            let next = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Some((index, item)) = next.ok().and_then(|i| Some((i, items.get(i)?))) else {
                return;
            };
            let result = match &mut state {
                Ok(state) => make(state, item),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            if done.send((index, result)).is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        // Both ends of the queues that this thread holds close when it leaves, however it
        // leaves; the others then end.
        let (work, results) = (work, results);
        for _ in 0..threads.max(1).min(items.len()) {
            let done = done.clone();
            scope.spawn(|| run(done));
        }
        drop(done);
        let mut early = BTreeMap::new();
        let (mut sent, mut kept) = (0, 0);
        while kept < items.len() {
            while sent < items.len() && sent < kept + ahead {
                work.send(sent).context("the workers have ended early")?;
                sent += 1;
            }
            match early.remove(&kept) {
                Some(result) => {
                    keep(kept, result)?;
                    kept += 1;
                }
                None => {
                    let (index, result) = results.recv().context("the workers have ended early")?;
                    early.insert(index, result?);
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_and_never_too_many_wait() {
        let items: Vec<u64> = (0..200).collect();
        let (made, mut kept) = (AtomicUsize::new(0), Vec::new());
        let mut most = 0;
        in_order(
            &items,
            3,
            || Ok(()),
            |(), item| {
                std::thread::sleep(Duration::from_micros(item * 7919 % 300));
                made.fetch_add(1, Ordering::Relaxed);
                Ok(*item)
            },
            |index, item| {
                assert_eq!(index as u64, item);
                kept.push(item);
                most = most.max(made.load(Ordering::Relaxed).saturating_sub(kept.len()));
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(kept, items);
        assert!(most <= 3 * AHEAD, "{most} results waited");
    }

    #[test]
    fn an_error_anywhere_ends_it() {
        let items: Vec<usize> = (0..1000).collect();
        let error = in_order(
            &items,
            2,
            || Ok(()),
            |(), item| {
                anyhow::ensure!(*item != 20, "item 20");
                Ok(*item)
            },
            |_, _| Ok(()),
        );
        assert_eq!(error.unwrap_err().to_string(), "item 20");
        let error = in_order(
            &items,
            2,
            || Ok(()),
            |(), i| Ok(*i),
            |i, _| {
                anyhow::ensure!(i < 5, "no room");
                Ok(())
            },
        );
        assert_eq!(error.unwrap_err().to_string(), "no room");
        let error = in_order(
            &items,
            2,
            || anyhow::bail!("no start"),
            |(), i| Ok(*i),
            |_, _| Ok(()),
        );
        assert_eq!(error.unwrap_err().to_string(), "no start");
        in_order(&[], 4, || Ok(()), |(), (): &()| Ok(()), |_, ()| Ok(())).unwrap();
    }
}
