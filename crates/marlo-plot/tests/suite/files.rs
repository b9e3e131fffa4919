//! The files: SVG that is well formed and the same every time, PNG of the size that was asked for.

use crate::common::{draw, shipped, subject, written};
use marlo_plot::{Figure, Options, Theme, plot};

fn compared() -> marlo_plot::Plot {
    let losses = ["arcface", "cosface", "sphereface"].map(|name| subject(shipped(name), &[]));
    plot(&losses, &Options::default()).expect("they can be drawn")
}

#[test]
fn an_svg_has_its_parts() {
    let svg = compared().svg(Theme::Auto);
    assert_eq!(svg, compared().svg(Theme::Auto));
    let document = roxmltree::Document::parse(&svg).expect("it is XML");
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "svg");
    let texts: Vec<String> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| node.descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect())
        .collect();
    for text in ["Target logit", "target logit / s", "θy in degrees", "arcfaces = 64, m = 0.5", "90°"] {
        assert!(texts.iter().any(|found| found == text), "{text} in {texts:?}");
    }
    let lines = |class: &str| {
        document
            .descendants()
            .filter(|n| n.has_tag_name("path") && n.attribute("class") == Some(class))
            .count()
    };
    // The curve and its sample in the legend.
    assert_eq!([lines("line0"), lines("line1"), lines("line2"), lines("line3")], [2, 2, 2, 0]);
    let dashes: std::collections::HashSet<_> = document
        .descendants()
        .filter(|n| n.attribute("class").is_some_and(|class| class.starts_with("line")))
        .map(|n| n.attribute("stroke-dasharray"))
        .collect();
    assert_eq!(dashes.len(), 3);
    // On any page: no background, and colours for both.
    assert!(!svg.contains("class=\"page\"") && svg.contains("prefers-color-scheme: dark"));
    assert!(!compared().svg(Theme::Dark).contains("prefers-color-scheme"));
}

#[test]
fn a_png_has_its_size_and_background() {
    for (theme, page) in [(Theme::Auto, [255, 255, 255, 255]), (Theme::Dark, [0x17, 0x18, 0x1b, 255])] {
        let png = compared().png(theme, 600).expect("it can be drawn");
        let image = image::load_from_memory(&png).expect("it is a PNG").to_rgba8();
        assert_eq!(image.width(), 600);
        assert!((300..700).contains(&image.height()));
        assert_eq!(image.get_pixel(2, 2).0, page);
        assert!(image.pixels().all(|pixel| pixel.0[3] == 255));
        let inked = image.pixels().filter(|pixel| pixel.0 != page).count();
        assert!(inked > 5000, "{inked}");
    }
    for width in [0, 63, 8193, u32::MAX] {
        let error = compared().png(Theme::Light, width).expect_err("it is no width");
        assert!(error.to_string().starts_with("the width of a PNG"), "{error}");
    }
}

#[test]
fn surfaces_are_a_picture_too() {
    let figure = draw(shipped("mv_arc_adaptive"), Figure::Gradient);
    let image =
        image::load_from_memory(&figure.png(Theme::Light, 500).expect("drawn")).expect("a PNG").to_rgb8();
    let colours: std::collections::HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 20);
    let svg = figure.svg(Theme::Light);
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
}

/// Hyperparameters stand above a surface in as many lines as they need, never smaller.
#[test]
fn subtitles_can_be_read() {
    let losses = ["arcface", "magface", "mv_arc_adaptive"].map(|name| subject(shipped(name), &[]));
    let options = Options { figure: Figure::Loss, ..Options::default() };
    let svg = plot(&losses, &options).expect("they can be drawn").svg(Theme::Auto);
    let document = roxmltree::Document::parse(&svg).expect("it is XML");
    let sizes = document.descendants().filter(|node| node.has_tag_name("text"));
    let sizes: Vec<f64> =
        sizes.filter_map(|node| node.attribute("font-size").and_then(|size| size.parse().ok())).collect();
    assert!(sizes.len() > 20 && sizes.iter().all(|size| *size >= 11.0), "{sizes:?}");
}

#[test]
fn any_name_can_be_drawn() {
    let loss = written("loss 損失(γ: Scale = 8) { ce(softmax(γ * cos[y], γ * cos[k])) }");
    let options = Options { title: Some("a < b & \"c\" \u{1}".into()), ..Options::default() };
    let figure = plot(&[subject(loss, &[])], &options).expect("it can be drawn");
    roxmltree::Document::parse(&figure.svg(Theme::Auto)).expect("it is XML");
    figure.png(Theme::Light, 200).expect("it can be drawn");
}
