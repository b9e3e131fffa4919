//! Real inputs: arrays on disk, folders of images, the baseline embedding, the shipped glyphs.
