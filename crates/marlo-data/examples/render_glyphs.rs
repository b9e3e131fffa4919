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
//! Each character is drawn so that the em is 20 pixels, smaller where the ink would not fit, with the
//! middle of its outline in the middle of the image; coverage is rounded to 16 greys. The program stops
//! at a character that a font lacks or draws blank, at two typefaces that draw a character alike, and
//! at two characters that a typeface draws alike.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use ab_glyph::{Font, FontVec, GlyphId, PxScale, point};
use image::{GrayImage, Luma};
use marlo_data::glyphs::GlyphFile;

const SIDE: usize = 24;
const EM: f32 = 20.0;

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
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let font = FontVec::try_from_vec_and_index(bytes, face)?;
        for character in CHARACTERS.chars() {
            let image = draw(&font, character).ok_or(format!("{name} has no {character}"))?;
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

/// The character as 24 × 24 pixels of 16 greys, or nothing where the font does not have it.
fn draw(font: &FontVec, character: char) -> Option<Vec<u8>> {
    let id = font.glyph_id(character);
    if id == GlyphId(0) {
        return None;
    }
    let bounds = font.outline(id)?.bounds;
    let extent = bounds.width().abs().max(bounds.height().abs());
    let pixels_per_unit = (EM / font.units_per_em()?).min(SIDE as f32 / extent);

    let middle = SIDE as f32 / 2.0;
    let position = point(
        middle - (bounds.min.x + bounds.max.x) / 2.0 * pixels_per_unit,
        // Font units count upwards, pixels downwards.
        middle + (bounds.min.y + bounds.max.y) / 2.0 * pixels_per_unit,
    );
    let scale = PxScale::from(pixels_per_unit * font.height_unscaled());
    let glyph = font.outline_glyph(id.with_scale_and_position(scale, position))?;
    let corner = glyph.px_bounds().min;
    let mut image = vec![0; SIDE * SIDE];
    glyph.draw(|x, y, coverage| {
        let (x, y) = (x as i64 + corner.x as i64, y as i64 + corner.y as i64);
        let inside = 0..SIDE as i64;
        if inside.contains(&x) && inside.contains(&y) {
            image[y as usize * SIDE + x as usize] = (coverage.clamp(0.0, 1.0) * 15.0).round() as u8;
        }
    });
    Some(image)
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
