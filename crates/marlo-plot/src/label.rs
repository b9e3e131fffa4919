//! Short texts with subscripts: θ_y is a letter and an index.

/// A text of which parts are subscripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    pub(crate) pieces: Vec<Piece>,
}

/// A part of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) is_sub: bool,
}

impl Label {
    /// A text as it is.
    pub fn plain(text: impl Into<String>) -> Self {
        Label { pieces: vec![Piece { text: text.into(), is_sub: false }] }
    }

    /// A text in which `_` makes the next letter a subscript: `∂L/∂cos θ_y`.
    pub fn math(text: &str) -> Self {
        let mut label = Label::default();
        for (at, part) in text.split('_').enumerate() {
            let length = if at == 0 { 0 } else { part.chars().next().map_or(0, char::len_utf8) };
            let (sub, rest) = part.split_at(length);
            for (text, is_sub) in [(sub, true), (rest, false)] {
                if !text.is_empty() {
                    label.pieces.push(Piece { text: text.to_owned(), is_sub });
                }
            }
        }
        label
    }

    /// This text, then another.
    pub fn and(mut self, other: Label) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Is there nothing to read?
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(|piece| piece.text.is_empty())
    }

    /// The texts with something between two.
    pub(crate) fn join(labels: Vec<Label>, between: &str) -> Label {
        let mut joined = Label::default();
        for label in labels.into_iter().filter(|label| !label.is_empty()) {
            if !joined.is_empty() {
                joined = joined.and(Label::plain(between));
            }
            joined = joined.and(label);
        }
        joined
    }
}

/// As it would be typed: `θ_y`.
impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.pieces {
            write!(f, "{}{}", if piece.is_sub { "_" } else { "" }, piece.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Label;

    #[test]
    fn an_underscore_makes_a_subscript() {
        let label = Label::math("θ_y in °");
        assert_eq!(label.pieces.len(), 3);
        assert!(label.pieces[1].is_sub);
        assert_eq!(label.to_string(), "θ_y in °");
        assert_eq!(Label::plain("mv_arc").pieces.len(), 1);
        assert_eq!(Label::math("end_").to_string(), "end");
    }
}
