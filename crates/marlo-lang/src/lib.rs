//! The .loss language: lexer, parser, checker, diagnostics and formatter.
