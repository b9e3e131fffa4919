//! Grey images of one size, each with the class it belongs to.

use std::collections::HashMap;

/// Grey images of one size with their labels.
///
/// Labels are `0..classes`, in the order of the class names, and each class has at least one image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSet {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    labels: Vec<i64>,
    class_names: Vec<String>,
}

impl ImageSet {
    /// A set of images from their pixels, one after the other: 0 is black, 255 white, row by row.
    ///
    /// # Errors
    /// [`ImageSetError`]: `pixels` is not `labels.len() × height × width` bytes long, a label names no
    /// class, or a class has no image.
    pub fn new(
        width: usize,
        height: usize,
        pixels: Vec<u8>,
        labels: Vec<i64>,
        class_names: Vec<String>,
    ) -> Result<Self, ImageSetError> {
        let size = width.checked_mul(height);
        if size == Some(0) || size.and_then(|size| size.checked_mul(labels.len())) != Some(pixels.len()) {
            return Err(ImageSetError::Pixels { found: pixels.len(), images: labels.len(), width, height });
        }
        let mut used = vec![false; class_names.len()];
        for (image, &label) in labels.iter().enumerate() {
            let slot = usize::try_from(label).ok().and_then(|label| used.get_mut(label));
            *slot.ok_or(ImageSetError::Label { image, label, classes: class_names.len() })? = true;
        }
        match used.iter().position(|&used| !used) {
            Some(class) => Err(ImageSetError::EmptyClass { name: class_names[class].clone() }),
            None => Ok(Self { width, height, pixels, labels, class_names }),
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The width of each image, in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height of each image, in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All images, one after the other, row by row: `len × height × width` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of each image, in order: `height × width` bytes each, row by row.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width * self.height)
    }

    /// The pixels of one image: `height × width` bytes, row by row; nothing where there is no such image.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let size = self.width * self.height;
        let start = index.checked_mul(size)?;
        self.pixels.get(start..start.checked_add(size)?)
    }

    /// The class of each image.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The name of each class: `class_names()[label]`.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The number of images of each class, in the order of the class names.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        self.classes().for_each(|class| counts[class] += 1);
        counts
    }

    /// The class of each image, as an index into the class names.
    pub(crate) fn classes(&self) -> impl Iterator<Item = usize> {
        // The labels are classes, by the set's construction.
        self.labels.iter().map(|&label| label as usize)
    }

    /// The images of the given numbers, in that order; classes that have none left are left out and the
    /// labels renumbered, in the order of the class names.
    ///
    /// # Errors
    /// [`ImageSetError::NoSuchImage`] where a number is not below the number of images.
    pub fn select(&self, indices: &[usize]) -> Result<Self, ImageSetError> {
        let mut pixels = Vec::with_capacity(indices.len() * self.width * self.height);
        let mut classes = Vec::with_capacity(indices.len());
        for &index in indices {
            let image = self.image(index);
            pixels.extend(image.ok_or(ImageSetError::NoSuchImage { index, images: self.len() })?);
            classes.push(self.labels[index]);
        }
        let (labels, used) = renumber(&classes);
        let class_names = used.iter().map(|&class| self.class_names[class as usize].clone()).collect();
        Self::new(self.width, self.height, pixels, labels, class_names)
    }

    /// The label that each image has among other class names; nothing where its class is not one of them.
    ///
    /// So a test set's images find their classes in a head that was trained on another set.
    pub fn labels_among(&self, class_names: &[String]) -> Vec<Option<i64>> {
        let places: HashMap<&str, i64> = class_names.iter().map(String::as_str).zip(0..).collect();
        let among: Vec<_> = self.class_names.iter().map(|name| places.get(name.as_str()).copied()).collect();
        self.classes().map(|class| among[class]).collect()
    }
}

/// Labels counted from 0 without gaps, and the label that each stood for, in rising order.
pub(crate) fn renumber(labels: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let mut used = labels.to_vec();
    used.sort_unstable();
    used.dedup();
    let places: HashMap<i64, i64> = used.iter().copied().zip(0..).collect();
    (labels.iter().map(|label| places[label]).collect(), used)
}

/// Pixels, labels and class names that do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum ImageSetError {
    /// The wrong number of pixels.
    #[error(
        "{found} pixels given for {images} images of {width} x {height}; give width x height bytes for each image"
    )]
    Pixels {
        /// The bytes given.
        found: usize,
        /// The number of labels.
        images: usize,
        /// The width of an image, in pixels.
        width: usize,
        /// The height of an image, in pixels.
        height: usize,
    },
    /// A label that names no class.
    #[error(
        "image {image} has label {label}, but there are {classes} class names; labels are counted from 0"
    )]
    Label {
        /// The image, counted from 0.
        image: usize,
        /// Its label.
        label: i64,
        /// The number of class names.
        classes: usize,
    },
    /// An image that is not there.
    #[error("no image {index}: there are {images}, counted from 0")]
    NoSuchImage {
        /// The number asked for.
        index: usize,
        /// The number of images.
        images: usize,
    },
    /// A class without images.
    #[error("class {name:?} has no image; leave its name out")]
    EmptyClass {
        /// The name of the class.
        name: String,
    },
}
