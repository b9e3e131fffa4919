//! Compiles losses into a program. These are the inner halves of `marlo::loss!` and `marlo::include_loss!`, which say where
//! the names of the generated text are found and are what a program calls.

mod generate;
mod layout;
mod program;

use proc_macro::{Span, TokenStream};
use syn::LitStr;

use program::Program;

/// A loss that is written in place: see `marlo::loss!`.
#[proc_macro]
pub fn loss(input: TokenStream) -> TokenStream {
    let written = match syn::parse::<LitStr>(input.clone()) {
        Ok(text) => Program::of_string(&text.value(), span_of(input)),
        Err(_) => Program::of_tokens(input),
    };
    embed(written)
}

/// A loss in a file of its own: see `marlo::include_loss!`.
#[proc_macro]
pub fn include_loss(input: TokenStream) -> TokenStream {
    let span = span_of(input.clone());
    match syn::parse::<LitStr>(input) {
        Ok(path) => match Program::of_file(&path.value(), span) {
            Ok(program) => embed(program),
            Err(message) => error(&message, span),
        },
        Err(_) => error("the path of a .loss file is wanted, as a string literal", span),
    }
}

/// The program as an expression, or what is wrong with it.
fn embed(program: Program) -> TokenStream {
    match generate::embedded(&program.text, &program.source, program.folder) {
        // What is generated is Rust, unless the generator is wrong: then this says so.
        Ok(text) => text.parse().unwrap_or_else(|wrong| {
            error(&format!("the compiled loss is no Rust: {wrong}\n{text}"), Span::call_site())
        }),
        Err(found) => {
            let errors = found.iter().map(|found| {
                let at = program.places.iter().rev().find(|place| place.0 <= found.at);
                let at = at.or(program.places.first());
                error(&found.draw(&program.path, &program.text), at.map_or_else(Span::call_site, |at| at.1))
            });
            // One block of all, which is an expression.
            let errors: TokenStream = errors.collect();
            let block = proc_macro::Group::new(proc_macro::Delimiter::Brace, errors);
            proc_macro::TokenTree::from(block).into()
        }
    }
}

/// Where the input begins.
fn span_of(input: TokenStream) -> Span {
    input.into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

/// An error of the Rust compiler there.
fn error(message: &str, span: Span) -> TokenStream {
    let text = format!("::core::compile_error! {{ {message:?} }}");
    let tokens: TokenStream = text.parse().unwrap_or_default();
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}
