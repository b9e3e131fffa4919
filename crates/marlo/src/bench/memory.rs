//! How much memory a step needs at most, where the system tells it (Linux).

/// Takes two steps and gives the most memory that the process held in the second above what it held before the first, in
/// bytes; none where the system does not tell. So what the first step keeps for those to come counts, and what it alone
/// needs does not; peers are measured alike.
///
/// # Errors
/// When a step fails.
pub fn peak_above<T, E>(mut step: impl FnMut() -> Result<T, E>) -> Result<Option<u64>, E> {
    let before = status("VmRSS");
    step()?;
    // 5 sets the peak back to what is held now.
    let told = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    step()?;
    let peak = status("VmHWM");
    Ok(before.zip(peak).filter(|_| told).map(|(before, peak)| peak.saturating_sub(before)))
}

/// A size of this process, in bytes.
fn status(name: &str) -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, name).map(|size| size * 1024)
}

/// The number in a line such as `VmHWM:   12345 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let text = "Name:\tmarlo\nVmHWM:\t   12345 kB\nVmRSS:\t     99 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(12345));
        assert_eq!(kilobytes(text, "Vm"), None);
        assert_eq!(kilobytes("", "VmRSS"), None);
    }

    #[test]
    fn the_second_step_counts_and_what_the_first_one_keeps() {
        const MIB: usize = 1 << 20;
        let (mut steps, mut kept) = (0, Vec::new());
        let step = || {
            steps += 1;
            if steps == 1 {
                kept = vec![1u8; 64 * MIB];
                std::hint::black_box(vec![1u8; 512 * MIB].len());
            }
            std::hint::black_box(vec![1u8; 64 * MIB].len());
            Ok::<(), ()>(())
        };
        // Other tests of this process hold memory at the same time, far less than that.
        if let Some(peak) = peak_above(step).expect("nothing fails") {
            assert!((96 * MIB..384 * MIB).contains(&(peak as usize)), "{peak}");
        }
        assert_eq!((steps, kept.len()), (2, 64 * MIB));
        assert_eq!(peak_above(|| Err::<(), _>("a step fails")), Err("a step fails"));
    }
}
