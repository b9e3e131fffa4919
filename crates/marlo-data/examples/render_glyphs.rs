//! Draws `fixtures/glyphs64x16.bin.gz`, the shipped sample of real input, from Debian's fonts.
//!
//! ```text
//! cargo run --release -p marlo-data --example render_glyphs -- FONTS OUTPUT [SHEET]
//! ```
//!
//! FONTS is a folder with the fonts' Debian packages unpacked, OUTPUT the file to write, SHEET a PNG to
//! look at: a row a typeface, a column a character. `fixtures/README.md` has the commands that fetch
//! and unpack the packages, without root rights.
//!
//! Each character is drawn as [`Face::draw`] does, with an em of 20 pixels. The program stops at a character that a font lacks or draws blank, at two typefaces that draw a character alike, and
//! at two characters that a typeface draws alike.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use image::{GrayImage, Luma};
use marlo_data::glyphs::{Face, GlyphFile};

const SIDE: usize = 24;

/// From level 1 of JIS X 0208, by stroke count (2 to 24), with some that are easily confused.
const CHARACTERS: &str = "人入力大川山女土犬日水火木月手目田石糸竹羽車赤足雨金門海風星待持\
                          馬高島魚鳥雪朝森晴電愛夢語歌鳴線論熱機頭龍優環類顔鏡議魔驚鑑鷹鷺";

/// Name, file under `usr/share/fonts`, and number of the face in the file (0 but for collections).
const TYPEFACES: [(&str, &str, u32); 16] = [
    ("IPAex Gothic", "opentype/ipaexfont-gothic/ipaexg.ttf", 0),
    ("BIZ UDGothic", "truetype/bizud-gothic/BIZUDGothic-Regular.ttf", 0),
    ("DotGothic16", "truetype/dotgothic16/DotGothic16-Regular.ttf", 0),
    ("IPAex Mincho", "opentype/ipaexfont-mincho/ipaexm.ttf", 0),
    ("BIZ UDMincho", "truetype/bizud-mincho/BIZUDMincho-Regular.ttf", 0),
    ("HanaMin A", "truetype/hanazono/HanaMinA.ttf", 0),
    ("Sawarabi Mincho", "truetype/sawarabi-mincho/sawarabi-mincho-medium.ttf", 0),
    ("Klee One", "truetype/klee/KleeOne-Regular.ttf", 0),
    ("YOzFont", "truetype/yozvox-yozfont/YOzRSF.ttf", 0),
    ("SetoFont", "truetype/seto/setofont.ttf", 0),
    ("Yusei Magic", "truetype/yusei-magic/YuseiMagic-Regular.ttf", 0),
    ("Kouzan Mouhitsu", "truetype/kouzan-mouhitsu/kouzan-mouhitsu.ttf", 0),
    ("Kouzan Mouhitsu Gyosho", "truetype/kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf", 0),
    ("Reggae One", "truetype/reggae/ReggaeOne-Regular.ttf", 0),
    ("Rampart One", "truetype/rampart/RampartOne-Regular.ttf", 0),
    ("Train One", "truetype/train/TrainOne-Regular.ttf", 0),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (fonts, output, sheet) = match arguments.as_slice() {
        [fonts, output] => (fonts, output, None),
        [fonts, output, sheet] => (fonts, output, Some(sheet)),
        _ => return Err("usage: render_glyphs FONTS OUTPUT [SHEET]".into()),
    };
    let mut pixels = Vec::new();
    for (name, file, face) in TYPEFACES {
        let path = Path::new(fonts).join("usr/share/fonts").join(file);
        let font = Face::read(&path, face)?;
        for character in CHARACTERS.chars() {
            let image = font.draw(character, SIDE as u8).ok_or(format!("{name} has no {character}"))?;
            pixels.extend(image);
        }
    }
    let glyphs = GlyphFile {
        characters: CHARACTERS.chars().map(String::from).collect(),
        typefaces: TYPEFACES.map(|(name, ..)| name.to_owned()).to_vec(),
        side: SIDE,
        pixels,
    };
    check(&glyphs)?;
    let bytes = glyphs.encode()?;
    std::fs::write(output, &bytes)?;
    println!("{output}: {} bytes", bytes.len());
    if let Some(sheet) = sheet {
        contact_sheet(&glyphs).save(sheet)?;
    }
    Ok(())
}

/// Stops at blank images and at two images that are equal.
fn check(glyphs: &GlyphFile) -> Result<(), Box<dyn Error>> {
    let mut seen = HashMap::new();
    for (at, image) in glyphs.pixels.chunks_exact(SIDE * SIDE).enumerate() {
        let count = glyphs.characters.len();
        let name = format!("{} in {}", glyphs.characters[at % count], glyphs.typefaces[at / count]);
        if image.iter().map(|&ink| u32::from(ink)).sum::<u32>() < 100 {
            return Err(format!("{name} is blank").into());
        }
        if let Some(other) = seen.insert(image, name.clone()) {
            return Err(format!("{name} and {other} are the same image").into());
        }
    }
    Ok(())
}

/// A row a typeface, a column a character, black on white.
fn contact_sheet(glyphs: &GlyphFile) -> GrayImage {
    let (columns, rows) = (glyphs.characters.len(), glyphs.typefaces.len());
    let cell = SIDE + 2;
    GrayImage::from_fn((columns * cell) as u32, (rows * cell) as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let (column, row, x, y) = (x / cell, y / cell, x % cell, y % cell);
        if x >= SIDE || y >= SIDE {
            return Luma([200]);
        }
        Luma([255 - 17 * glyphs.pixels[((row * columns + column) * SIDE + y) * SIDE + x]])
    })
}
