//! Kinds: what a number means, so that a formula that mixes units is caught.
//!
//! One table states the kind of every sum, product and quotient. It makes both the checks at run time (for text) and
//! the trait implementations (for [typed Rust](crate::typed)), so the two front ends can't disagree.
//! A kind must not get in the way of an honest formula: what can't be known is [`Kind::Real`], and `Real` goes anywhere.

use std::fmt;

/// What a value means.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A literal. It takes the kind of what it is added to.
    Number,
    /// Anything without a more exact kind.
    Real,
    /// A cosine between an embedding and a class weight, or a difference of cosines (an additive margin).
    Cosine,
    /// An angle in radians.
    Angle,
    /// The scale s that turns cosines into logits.
    Scale,
    /// A weight whose 0 is "off" (MV-Softmax's t, focal's γ).
    Weight,
    /// A factor whose 1 is "off" (SV-Softmax's t, SphereFace's m).
    Factor,
    /// An exponent's argument: an unnormalised log-probability.
    Logit,
    /// A probability.
    Prob,
    /// The norm of an embedding.
    Norm,
    /// A truth value.
    Mask,
}

impl Kind {
    /// The closed range of its values: what a header that gives none means.
    pub fn range(self) -> (f64, f64) {
        match self {
            Kind::Prob => (0.0, 1.0),
            Kind::Scale | Kind::Norm => (0.0, f64::INFINITY),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Every kind that a header may declare.
    pub const DECLARABLE: [Kind; 9] = [
        Kind::Real,
        Kind::Cosine,
        Kind::Angle,
        Kind::Scale,
        Kind::Weight,
        Kind::Factor,
        Kind::Logit,
        Kind::Prob,
        Kind::Norm,
    ];

    /// The kind's name as it is written in a `.loss` file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "Number",
            Kind::Real => "Real",
            Kind::Cosine => "Cosine",
            Kind::Angle => "Angle",
            Kind::Scale => "Scale",
            Kind::Weight => "Weight",
            Kind::Factor => "Factor",
            Kind::Logit => "Logit",
            Kind::Prob => "Prob",
            Kind::Norm => "Norm",
            Kind::Mask => "Mask",
        }
    }

    /// The kind's name with its article: "an Angle", "a Cosine".
    pub fn with_article(self) -> String {
        let article = if self == Kind::Angle { "an" } else { "a" };
        format!("{article} {self}")
    }

    /// The declarable kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Self::DECLARABLE.into_iter().find(|k| k.name() == name)
    }

    /// Can a value of this kind stand where `wanted` is asked for? `Real` and literals can stand anywhere.
    pub fn fits(self, wanted: Kind) -> bool {
        self == wanted
            || (self != Kind::Mask
                && wanted != Kind::Mask
                && (wanted == Kind::Real || matches!(self, Kind::Real | Kind::Number)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kinds as types, for the [typed combinators](crate::typed).
pub mod types {
    use super::Kind;

    /// A type that stands for one [`Kind`].
    pub trait KindType: Copy + 'static {
        /// The kind that the type stands for.
        const KIND: Kind;
    }

    /// Kinds whose sum (and difference, minimum, maximum) has a meaning.
    #[diagnostic::on_unimplemented(
        message = "a {Self} and a {Other} can't be added or subtracted",
        note = "an angle plus an angle is an angle; a logit is a scale times a cosine, so the margin goes inside the product"
    )]
    pub trait AddKind<Other: KindType>: KindType {
        /// The kind of the sum.
        type Output: KindType;
    }

    /// Kinds whose product has a meaning.
    #[diagnostic::on_unimplemented(
        message = "a {Self} and a {Other} can't be multiplied",
        note = "a mask is no number: use `indicator` or `select`"
    )]
    pub trait MulKind<Other: KindType>: KindType {
        /// The kind of the product.
        type Output: KindType;
    }

    /// Kinds whose quotient has a meaning.
    #[diagnostic::on_unimplemented(message = "a {Self} can't be divided by a {Other}")]
    pub trait DivKind<Other: KindType>: KindType {
        /// The kind of the quotient.
        type Output: KindType;
    }

    /// Kinds that may stand where a `Wanted` is asked for.
    #[diagnostic::on_unimplemented(message = "a {Wanted} is wanted here, and this is a {Self}")]
    pub trait Fits<Wanted: KindType>: KindType {}
}

macro_rules! kind_types {
    ($($kind:ident)*) => {
        $(
            #[doc = concat!("The type of [`Kind::", stringify!($kind), "`].")]
            #[derive(Copy, Clone, Debug)]
            pub enum $kind {}
            impl types::KindType for $kind {
                const KIND: Kind = Kind::$kind;
            }
        )*
    };
}

/// The kinds as types: `marks::Cosine` stands for `Kind::Cosine`.
pub mod marks {
    use super::{Kind, types};
    kind_types!(Number Real Cosine Angle Scale Weight Factor Logit Prob Norm Mask);
}

/// `a op b => c;` for each pair that has a meaning. A pair that is missing is an error.
macro_rules! kind_table {
    ($doc:literal $function:ident $trait:ident: $($a:ident $b:ident => $c:ident;)*) => {
        #[doc = $doc]
        pub fn $function(a: Kind, b: Kind) -> Option<Kind> {
            match (a, b) {
                $((Kind::$a, Kind::$b) => Some(Kind::$c),)*
                _ => None,
            }
        }
        $(impl types::$trait<marks::$b> for marks::$a { type Output = marks::$c; })*
    };
}

kind_table! {
    "The kind of a sum or difference (also of minimum, maximum and the branches of `if`); `None` where it has no meaning."
    add AddKind:
    Number Number => Number; Number Real => Real; Number Cosine => Real; Number Angle => Angle; Number Scale => Scale;
    Number Weight => Real; Number Factor => Real; Number Logit => Logit; Number Prob => Prob; Number Norm => Norm;
    Real Number => Real; Real Real => Real; Real Cosine => Real; Real Angle => Angle; Real Scale => Real;
    Real Weight => Real; Real Factor => Real; Real Logit => Logit; Real Prob => Real; Real Norm => Real;
    Cosine Number => Real; Cosine Real => Real; Cosine Cosine => Cosine; Cosine Weight => Real; Cosine Factor => Real;
    Cosine Prob => Real;
    Angle Number => Angle; Angle Real => Angle; Angle Angle => Angle;
    Scale Number => Scale; Scale Real => Real; Scale Scale => Scale;
    Weight Number => Real; Weight Real => Real; Weight Cosine => Real; Weight Weight => Weight; Weight Factor => Factor;
    Weight Prob => Real; Weight Logit => Real;
    Factor Number => Real; Factor Real => Real; Factor Cosine => Real; Factor Weight => Factor; Factor Factor => Factor;
    Factor Prob => Real; Factor Logit => Real;
    Logit Number => Logit; Logit Real => Logit; Logit Logit => Logit; Logit Weight => Real; Logit Factor => Real;
    Prob Number => Prob; Prob Real => Real; Prob Cosine => Real; Prob Weight => Real; Prob Factor => Real;
    Prob Prob => Prob;
    Norm Number => Norm; Norm Real => Real; Norm Norm => Norm;
}

kind_table! {
    "The kind of a product; `None` where it has no meaning."
    mul MulKind:
    Number Number => Number; Number Real => Real; Number Cosine => Real; Number Angle => Angle; Number Scale => Scale;
    Number Weight => Weight; Number Factor => Factor; Number Logit => Logit; Number Prob => Real; Number Norm => Norm;
    Real Number => Real; Real Real => Real; Real Cosine => Real; Real Angle => Real; Real Scale => Logit;
    Real Weight => Real; Real Factor => Real; Real Logit => Logit; Real Prob => Real; Real Norm => Logit;
    Cosine Number => Real; Cosine Real => Real; Cosine Cosine => Real; Cosine Angle => Real; Cosine Scale => Logit;
    Cosine Weight => Real; Cosine Factor => Real; Cosine Logit => Real; Cosine Prob => Real; Cosine Norm => Logit;
    Angle Number => Angle; Angle Real => Real; Angle Cosine => Real; Angle Angle => Real; Angle Scale => Real;
    Angle Weight => Angle; Angle Factor => Angle; Angle Logit => Real; Angle Prob => Real; Angle Norm => Real;
    Scale Number => Scale; Scale Real => Logit; Scale Cosine => Logit; Scale Angle => Real; Scale Scale => Real;
    Scale Weight => Scale; Scale Factor => Scale; Scale Logit => Real; Scale Prob => Real; Scale Norm => Real;
    Weight Number => Weight; Weight Real => Real; Weight Cosine => Real; Weight Angle => Angle; Weight Scale => Scale;
    Weight Weight => Weight; Weight Factor => Weight; Weight Logit => Logit; Weight Prob => Real; Weight Norm => Norm;
    Factor Number => Factor; Factor Real => Real; Factor Cosine => Real; Factor Angle => Angle; Factor Scale => Scale;
    Factor Weight => Weight; Factor Factor => Factor; Factor Logit => Logit; Factor Prob => Real; Factor Norm => Norm;
    Logit Number => Logit; Logit Real => Logit; Logit Cosine => Real; Logit Angle => Real; Logit Scale => Real;
    Logit Weight => Logit; Logit Factor => Logit; Logit Logit => Real; Logit Prob => Real; Logit Norm => Real;
    Prob Number => Real; Prob Real => Real; Prob Cosine => Real; Prob Angle => Real; Prob Scale => Real;
    Prob Weight => Real; Prob Factor => Real; Prob Logit => Real; Prob Prob => Prob; Prob Norm => Real;
    Norm Number => Norm; Norm Real => Logit; Norm Cosine => Logit; Norm Angle => Real; Norm Scale => Real;
    Norm Weight => Norm; Norm Factor => Norm; Norm Logit => Real; Norm Prob => Real; Norm Norm => Real;
}

kind_table! {
    "The kind of a quotient; `None` where it has no meaning."
    div DivKind:
    Number Number => Number; Number Real => Real; Number Cosine => Real; Number Angle => Real; Number Scale => Real;
    Number Weight => Real; Number Factor => Real; Number Logit => Real; Number Prob => Real; Number Norm => Real;
    Real Number => Real; Real Real => Real; Real Cosine => Real; Real Angle => Real; Real Scale => Real;
    Real Weight => Real; Real Factor => Real; Real Logit => Real; Real Prob => Real; Real Norm => Real;
    Cosine Number => Real; Cosine Real => Real; Cosine Cosine => Real; Cosine Angle => Real; Cosine Scale => Real;
    Cosine Weight => Real; Cosine Factor => Real; Cosine Logit => Real; Cosine Prob => Real; Cosine Norm => Real;
    Angle Number => Angle; Angle Real => Real; Angle Cosine => Real; Angle Angle => Real; Angle Scale => Real;
    Angle Weight => Angle; Angle Factor => Angle; Angle Logit => Real; Angle Prob => Real; Angle Norm => Real;
    Scale Number => Scale; Scale Real => Real; Scale Cosine => Real; Scale Angle => Real; Scale Scale => Real;
    Scale Weight => Scale; Scale Factor => Scale; Scale Logit => Real; Scale Prob => Real; Scale Norm => Real;
    Weight Number => Weight; Weight Real => Real; Weight Cosine => Real; Weight Angle => Real; Weight Scale => Real;
    Weight Weight => Real; Weight Factor => Weight; Weight Logit => Real; Weight Prob => Real; Weight Norm => Real;
    Factor Number => Factor; Factor Real => Real; Factor Cosine => Real; Factor Angle => Real; Factor Scale => Real;
    Factor Weight => Real; Factor Factor => Factor; Factor Logit => Real; Factor Prob => Real; Factor Norm => Real;
    Logit Number => Logit; Logit Real => Logit; Logit Cosine => Real; Logit Angle => Real; Logit Scale => Real;
    Logit Weight => Logit; Logit Factor => Logit; Logit Logit => Real; Logit Prob => Real; Logit Norm => Real;
    Prob Number => Real; Prob Real => Real; Prob Cosine => Real; Prob Angle => Real; Prob Scale => Real;
    Prob Weight => Real; Prob Factor => Real; Prob Logit => Real; Prob Prob => Real; Prob Norm => Real;
    Norm Number => Norm; Norm Real => Real; Norm Cosine => Real; Norm Angle => Real; Norm Scale => Real;
    Norm Weight => Norm; Norm Factor => Norm; Norm Logit => Real; Norm Prob => Real; Norm Norm => Real;
}

macro_rules! fits {
    ($($a:ident => $($wanted:ident)*;)*) => { $($(impl types::Fits<marks::$wanted> for marks::$a {})*)* };
}

fits! {
    Number => Number Real Cosine Angle Scale Weight Factor Logit Prob Norm;
    Real => Real Cosine Angle Scale Weight Factor Logit Prob Norm;
    Cosine => Cosine Real; Angle => Angle Real; Scale => Scale Real; Weight => Weight Real; Factor => Factor Real;
    Logit => Logit Real; Prob => Prob Real; Norm => Norm Real; Mask => Mask;
}
