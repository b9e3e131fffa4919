//! What `loss!` and `include_loss!` make, and the names that their text needs.

use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
use marlo_native::compiled::Entry;
use marlo_native::math::Real;
use marlo_native::{Kernel, Library};

use crate::specs::Shipped;

pub use marlo_macros::{include_loss, loss};
pub use marlo_native::{compiled, math, tile};

/// A loss whose sweeps were compiled with the program: [`loss!`](crate::loss!) and [`include_loss!`](crate::include_loss!)
/// make it.
#[derive(Copy, Clone, Debug)]
pub struct Embedded {
    source: &'static str,
    /// The losses that it uses and that do not ship with marlo: names and texts.
    imports: &'static [(&'static str, &'static str)],
    sweeps: &'static [Entry],
}

impl Embedded {
    /// For the macros alone, which have compiled `source`.
    #[doc(hidden)]
    pub const fn new(
        source: &'static str,
        imports: &'static [(&'static str, &'static str)],
        sweeps: &'static [Entry],
    ) -> Embedded {
        Embedded { source, imports, sweeps }
    }

    /// The text of the program.
    pub const fn source(&self) -> &'static str {
        self.source
    }

    /// The loss. Its text is compiled anew, which takes about a millisecond: keep it.
    pub fn loss(&self) -> Loss {
        match marlo_lang::compile(self.source, self) {
            Ok(compiled) => compiled.loss,
            Err(found) => unreachable!("it was compiled with the program, and now: {found:?}"),
        }
    }

    /// The loss with its usual derivatives, those that are compiled. A [`RowProgram::by`] others runs as well; its sweeps
    /// that are not among these are interpreted.
    pub fn program(&self) -> RowProgram {
        RowProgram::of(&self.loss())
    }

    /// Its sweeps, and those of the shipped losses: for [`Kernel::new`] and the `build` of a [`Head`](super::Head).
    pub fn library(&self) -> Library {
        Library::shipped().and(self.sweeps)
    }

    /// Its kernel, compiled.
    pub fn kernel<F: Real>(&self) -> Kernel<F> {
        Kernel::new(&self.program(), &self.library())
    }
}

/// The losses that it uses: its own, then the shipped ones.
impl marlo_lang::Library for Embedded {
    fn source(&self, name: &str) -> Option<String> {
        let own = self.imports.iter().find(|import| import.0 == name).map(|import| import.1.to_owned());
        own.or_else(|| Shipped::default().source(name))
    }

    fn names(&self) -> Vec<String> {
        let own = self.imports.iter().map(|import| import.0.to_owned());
        own.chain(Shipped::default().names()).collect()
    }
}

/// Compiles a loss into the program: an own loss runs as fast as a shipped one.
///
/// The program of the loss (docs/language.md has the language) stands between the braces, or in a string
/// literal. What is wrong with it is an error of the Rust compiler, with marlo's words. The value is an
/// [`Embedded`](crate::native::Embedded), also in a `const` or a `static`. Hyperparameters stay inputs of each run.
///
/// ```
/// use marlo::eval::Batch;
/// use marlo::native::{self, Embedded};
///
/// static GUIDED: Embedded = marlo::loss! {
///     use arcface
///
///     loss guided(s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, t: Weight = 0.3 in 0..1) {
///         let f = arcface(s, m).f
///         let I = mask(cos[k] > f - 0.1)
///         let h = indicator(I, exp(s * t * (cos[k] - f + 0.1)))
///         ce(softmax(s * f, s * cos[k], weight: h))
///     }
/// };
///
/// let (loss, kernel) = (GUIDED.loss(), GUIDED.kernel::<f32>());
/// assert!(kernel.is_compiled());
///
/// // Two samples, three classes.
/// let cosines = vec![0.8, 0.1, -0.2, 0.3, 0.5, 0.4];
/// let moment = marlo::setting::Moment::start(3);
/// let settings = marlo::eval::settings(&loss, &[("t".into(), 0.5)], moment).unwrap();
/// let batch = Batch::new(&loss, 3, cosines, &[0, 1], vec![], settings).unwrap();
/// let outcome = native::run(&kernel, &loss, &batch).unwrap();
/// assert_eq!(outcome.gradient.len(), 6);
/// ```
///
/// A head from embeddings to gradients takes the compiled sweeps as its library:
///
/// ```
/// use marlo::native::Head;
///
/// let loss = marlo::loss!("loss cube(s: Scale = 30) { ce(softmax(s * cos[y] ^ 3, s * cos[k])) }");
/// let head = Head::<f32>::builder(&loss.loss()).classes(1000).dim(64).library(loss.library()).build().unwrap();
/// assert_eq!(head.classes(), 1000);
/// ```
///
/// Between braces the program is read as Rust's tokens: `≤`, `·` and other operators that Rust does not know stand in a
/// string literal only, comments are no part of [`source`](crate::native::Embedded::source), and of Greek letters the Rust
/// compiler may say that they look like Latin ones (write `pi` and `theta`). The shipped losses can be used; a loss that
/// uses files of one's own is a file: see [`include_loss!`](crate::include_loss!). Warnings are those of `marlo check` alone.
///
/// # Speed
///
/// The loops become part of the crate that calls the macro, and are as fast as that crate is optimised, which a dev build
/// is not. Build with `--release`, or put losses into a crate that is always optimised:
///
/// ```toml
/// [profile.dev.package.my-losses]
/// opt-level = 3
/// ```
///
/// Each loop is compiled for f32 and f64 and for each set of vector instructions.
#[macro_export]
macro_rules! loss {
    ($($program:tt)*) => {{
        use $crate::native::embedded;
        embedded::loss!($($program)*)
    }};
}

/// [`loss!`](crate::loss!) of a file: `include_loss!("mine.loss")`.
///
/// The path is relative to the Rust file, as that of [`include_str!`]; where the compiler does not know that file, to the
/// folder of the package's `Cargo.toml`. The losses that the program uses are looked for beside it first, as `marlo check`
/// does, and then among the shipped ones. When one of the files changes, the crate is built anew; the program that is
/// built needs none of them. A file that is later put beside it in place of a shipped loss is not seen by itself: touch
/// the program.
///
/// ```
/// let loss = marlo::include_loss!("../../../../specs/mv/mv_arc_adaptive.loss");
/// assert_eq!(loss.loss().name, "mv_arc_adaptive");
/// assert!(loss.kernel::<f64>().is_compiled());
/// ```
#[macro_export]
macro_rules! include_loss {
    ($($path:tt)*) => {{
        use $crate::native::embedded;
        embedded::include_loss!($($path)*)
    }};
}
