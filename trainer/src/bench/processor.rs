//! Processor time of this process: on a machine that does other things as well, the honest
//! measure of what a step costs.

use std::fs;

/// Milliseconds that all threads that still run have computed so far; `None` where the
/// system does not say (it is asked for Linux's `schedstat`).
pub fn processor_ms() -> Option<f64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let mut total = 0.0;
    for task in tasks.flatten() {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
            continue;
        };
        let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
        total += nanoseconds / 1e6;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    #[cfg(target_os = "linux")]
    fn grows_by_no_more_than_the_clock_for_one_busy_thread() {
        let (before, began) = (processor_ms().unwrap(), Instant::now());
        let mut sum = 0.0_f64;
        while processor_ms().unwrap() < before + 30.0 {
            sum += (sum + 1.0).sqrt();
        }
        // Other tests run beside this one.
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        assert!(
            began.elapsed().as_secs_f64() * 1e3 * threads >= 29.0,
            "{sum}"
        );
    }
}
