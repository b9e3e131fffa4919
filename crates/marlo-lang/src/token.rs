//! The words of the language.

use crate::Span;

/// One word of the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    /// Does a line break stand between the previous token and this one?
    pub(crate) starts_line: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Number(f64),
    Name,
    Keyword(Keyword),
    Plus,
    Minus,
    Star,
    Slash,
    Caret,
    Equal,
    EqualEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    FatArrow,
    DotDot,
    Dot,
    Comma,
    Colon,
    Tilde,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    End,
}

/// Spells each keyword once, for the lexer, the messages and the suggestions.
macro_rules! keywords {
    ($($name:ident = $text:literal),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Keyword { $($name),* }

        impl Keyword {
            pub(crate) fn of(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

keywords! {
    Use = "use", Fn = "fn", Loss = "loss", Let = "let", State = "state", Law = "law", Prove = "prove",
    In = "in", If = "if", Then = "then", Else = "else", And = "and", Or = "or", Not = "not",
}

impl TokenKind {
    /// How a message names the token.
    pub(crate) fn describe(&self, text: &str) -> String {
        match self {
            Self::Number(_) => format!("the number `{text}`"),
            Self::Name => format!("`{text}`"),
            Self::Keyword(keyword) => format!("the keyword `{}`", keyword.text()),
            Self::End => "the end of the file".into(),
            _ => format!("`{text}`"),
        }
    }

    /// Could an expression begin here?
    pub(crate) fn starts_expression(&self) -> bool {
        matches!(
            self,
            Self::Number(_)
                | Self::Name
                | Self::Minus
                | Self::OpenParen
                | Self::Keyword(Keyword::If | Keyword::Not)
        )
    }

    /// Does a line that begins so go on with the expression of the line before?
    pub(crate) fn continues_line(&self) -> bool {
        matches!(
            self,
            Self::Plus
                | Self::Star
                | Self::Slash
                | Self::Caret
                | Self::EqualEqual
                | Self::NotEqual
                | Self::Less
                | Self::LessEqual
                | Self::Greater
                | Self::GreaterEqual
                | Self::Keyword(Keyword::And | Keyword::Or | Keyword::Then | Keyword::Else)
        )
    }

    /// Does an item of the file, or a statement, begin here?
    pub(crate) fn starts_item(&self) -> bool {
        matches!(
            self,
            Self::Keyword(
                Keyword::Use
                    | Keyword::Fn
                    | Keyword::Loss
                    | Keyword::Law
                    | Keyword::Prove
                    | Keyword::Let
                    | Keyword::State
            )
        )
    }
}

/// A comment; the parser passes over it, the formatter keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comment {
    pub(crate) span: Span,
    pub(crate) kind: CommentKind,
    /// Does it stand alone on its line?
    pub(crate) own_line: bool,
    /// Does it document something? Set by the parser.
    pub(crate) attached: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommentKind {
    /// `// …`
    Plain,
    /// `/// …`, for what follows.
    Doc,
    /// `//! …`, for the file.
    FileDoc,
}
