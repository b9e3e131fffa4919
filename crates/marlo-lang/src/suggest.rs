//! The nearest known name to a misspelt one.

/// The candidate nearest to `name`, if it is near enough to be meant: at most
/// one edit in three letters, a swap of neighbours being one edit.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    if letters > 64 {
        return None;
    }
    let limit = (letters / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= limit && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, swap two neighbours
/// (optimal string alignment). Letters that differ only in case are free of
/// charge, so `Softmax` finds `softmax`.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut next = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let replaced = row[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            next[j] = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            let swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_swaps_and_case() {
        assert_eq!(nearest("csos", ["sin", "cos"]), Some("cos"));
        assert_eq!(nearest("Softmax", ["softmax", "softplus"]), Some("softmax"));
        assert_eq!(nearest("lett", ["let", "law"]), Some("let"));
        assert_eq!(nearest("banana", ["let", "law"]), None);
        assert_eq!(nearest("q", ["s"]), None);
        assert_eq!(nearest("", ["s"]), None);
    }
}
