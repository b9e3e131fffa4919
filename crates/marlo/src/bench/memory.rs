//! How much memory a step needs at most, where the system tells it (Linux).

/// Runs something and gives its result with the most memory that the process held meanwhile above what it held before, in
/// bytes; none where the system does not tell.
pub fn peak_above<T>(run: impl FnOnce() -> T) -> (T, Option<u64>) {
    // 5 sets the peak back to what is held now.
    let told = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status("VmRSS");
    let result = run();
    let peak = status("VmHWM");
    (result, before.zip(peak).filter(|_| told).map(|(before, peak)| peak.saturating_sub(before)))
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
    fn a_buffer_is_seen() {
        let (length, peak) = peak_above(|| std::hint::black_box(vec![1u8; 64 << 20]).len());
        assert_eq!(length, 64 << 20);
        if let Some(peak) = peak {
            assert!(peak > 32 << 20, "{peak}");
        }
    }
}
