//! Several cases at once, as many as the machine bears: each case has a load, and the loads of those that run together
//! never exceed a bound.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;

/// Runs `run` for every item, each on a thread of its own, and gives the results in the order in which they ended.
///
/// The heaviest item that still fits is started next, so that light ones fill the room that heavy ones leave. An item
/// whose load is above the bound runs alone. `run` gets a number below the count of items running, which no other running
/// item has.
pub(crate) fn run<T: Sync, R: Send>(
    items: Vec<T>,
    bound: u32,
    load: impl Fn(&T) -> u32,
    run: impl Fn(&T, usize) -> R + Sync,
) -> Vec<R> {
    let mut waiting: Vec<(u32, T)> = items
        .into_iter()
        .map(|item| (load(&item).min(bound), item))
        .collect();
    waiting.sort_by_key(|(load, _)| std::cmp::Reverse(*load));
    let mut started = vec![false; waiting.len()];
    let mut lanes: Vec<bool> = Vec::new();
    let mut results = Vec::new();
    let mut running = 0;
    let (ended, ends) = channel();
    std::thread::scope(|scope| {
        loop {
            let fits = |n: &usize| !started[*n] && running + waiting[*n].0 <= bound;
            if let Some(next) = (0..waiting.len()).find(fits) {
                started[next] = true;
                let (load, item) = &waiting[next];
                running += load;
                let free = lanes.iter().position(|taken| !taken);
                let lane = free.unwrap_or_else(|| {
                    lanes.push(false);
                    lanes.len() - 1
                });
                lanes[lane] = true;
                let (ended, run) = (ended.clone(), &run);
                scope.spawn(move || {
                    let result = catch_unwind(AssertUnwindSafe(|| run(item, lane)));
                    let _ = ended.send((*load, lane, result));
                });
                continue;
            }
            if running == 0 {
                return;
            }
            // At least one item is running, and its thread will send, so this waits and does not fail.
            let Ok((load, lane, result)) = ends.recv() else {
                return;
            };
            running -= load;
            lanes[lane] = false;
            match result {
                Ok(result) => results.push(result),
                Err(panic) => resume_unwind(panic),
            }
        }
    });
    results
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn the_bound_holds_and_everything_runs_once() {
        let loads: Vec<u32> = vec![1, 4, 2, 1, 9, 3, 1, 1, 2];
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        let lanes = Mutex::new(vec![0; 5]);
        let mut ran = run(
            loads.clone(),
            4,
            |load| *load,
            |load, lane| {
                let together = now.fetch_add((*load).min(4), Ordering::SeqCst) + (*load).min(4);
                most.fetch_max(together, Ordering::SeqCst);
                let mut users = lanes.lock().expect("lanes");
                users[lane] += 1;
                assert_eq!(users[lane], 1, "lane {lane} is used twice at a time");
                drop(users);
                std::thread::yield_now();
                lanes.lock().expect("lanes")[lane] -= 1;
                now.fetch_sub((*load).min(4), Ordering::SeqCst);
                *load
            },
        );
        let mut wanted = loads;
        wanted.sort_unstable();
        ran.sort_unstable();
        assert_eq!(ran, wanted);
        assert!(most.load(Ordering::SeqCst) <= 4);
    }

    #[test]
    fn the_heaviest_go_first_and_light_ones_fill_the_room() {
        let order = Mutex::new(Vec::new());
        run(
            vec![1, 5, 3],
            3,
            |load| *load,
            |load, _| order.lock().expect("order").push(*load),
        );
        let order = order.into_inner().expect("order");
        assert_eq!(order[..2], [5, 3], "{order:?}");
    }
}
