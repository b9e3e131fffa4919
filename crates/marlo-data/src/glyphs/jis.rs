//! The characters of level 1 of JIS X 0208: the 2,965 kanji in common use, in the standard's order.

use encoding_rs::EUC_JP;

/// The kanji of level 1 of JIS X 0208: rows 16 to 47, decoded from EUC-JP by the table of `encoding_rs`.
///
/// ```
/// let kanji = marlo_data::glyphs::jis_level_1();
/// assert_eq!((kanji.len(), kanji[0], kanji[2964]), (2965, '亜', '腕'));
/// ```
pub fn jis_level_1() -> Vec<char> {
    let cells = (16u8..=47).flat_map(|row| (1u8..=94).map(move |cell| [row + 0xa0, cell + 0xa0]));
    cells
        .filter_map(|code| {
            let (text, damaged) = EUC_JP.decode_without_bom_handling(&code);
            // The last row is not full: its free cells decode to nothing.
            text.chars().next().filter(|_| !damaged)
        })
        .collect()
}
