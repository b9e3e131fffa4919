//! insightface's `.bin` files: a pickle of `(images, same)`, encoded images and a boolean for every two of them.
//!
//! Read are the pickles that Python 2 and 3 make of lists of bytes and of booleans, with protocols 2 to 5. This is a
//! reader for these two lists and nothing else: it runs no code of the pickle, its memory is at most twice the
//! file's size, and lists do not nest. Images stay encoded (JPEG or PNG, as they were packed).

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::FormatError;
use crate::pairs::{Pair, PairList};
use crate::verification::contiguous_folds;

/// What a `.bin` file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// The encoded images; those of pair k are 2k and 2k + 1.
    pub images: Vec<Arc<[u8]>>,
    /// The pairs, in folds; image k is named by its number.
    pub pairs: PairList,
}

const REMEDY: &str =
    "pack it as insightface does: pickle.dump((list of bytes, list of bool), file, protocol=2)";

/// Reads a file, and cuts its pairs into `folds` folds in their order, as scikit-learn's `KFold` does; the published
/// evaluation has 10.
///
/// # Errors
/// [`FormatError`]: not such a pickle, images that are not two for each boolean, or fewer pairs than folds.
pub fn read(path: impl AsRef<Path>, folds: usize) -> Result<Packed, FormatError> {
    let path = path.as_ref();
    let io = |source| FormatError::Io { path: path.into(), wanted: "a .bin file of insightface", source };
    parse(&path.display().to_string(), &fs::read(path).map_err(io)?, folds)
}

/// Reads bytes; `file` names them in messages and becomes the list's name.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, bytes: &[u8], folds: usize) -> Result<Packed, FormatError> {
    let error = |what: String| FormatError::File { file: file.into(), what, remedy: REMEDY };
    let (images, same) = unpickle(bytes).map_err(error)?;
    if images.len() != same.len().saturating_mul(2) {
        return Err(error(format!("{} images for {} pairs", images.len(), same.len())));
    }
    if folds == 0 || same.len() < folds {
        return Err(error(format!("{} pairs do not make {folds} folds", same.len())));
    }
    let pair = |k: usize| Pair { first: 2 * k, second: 2 * k + 1, same: same[k] };
    let folds = contiguous_folds(same.len(), folds).map(|range| range.map(pair).collect()).collect();
    let names = (0..images.len()).map(|image| image.to_string()).collect();
    let pairs = PairList::new(file, names, folds).map_err(|inner| error(inner.to_string()))?;
    Ok(Packed { images, pairs })
}

type Lists = (Vec<Arc<[u8]>>, Vec<bool>);

fn unpickle(bytes: &[u8]) -> Result<Lists, String> {
    let mut machine = Machine { rest: bytes, stack: Vec::new(), memo: HashMap::new() };
    let at = |rest: &[u8]| bytes.len() - rest.len();
    loop {
        let place = at(machine.rest);
        match machine.step() {
            Ok(false) => {}
            Ok(true) => break,
            Err(what) => return Err(format!("{what}, at byte {place}")),
        }
    }
    match machine.stack.pop() {
        Some(Value::Lists(images, same)) => lists(images, same),
        _ => Err("the pickle is not a tuple of two lists".into()),
    }
}

fn lists(images: Vec<Item>, same: Vec<Item>) -> Result<Lists, String> {
    let image = |item| match item {
        Item::Bytes(bytes) => Ok(bytes),
        Item::Bool(_) => Err("an image that is not bytes".to_string()),
    };
    let boolean = |item| match item {
        Item::Bool(same) => Ok(same),
        Item::Bytes(_) => Err("bytes among the booleans".to_string()),
    };
    let images = images.into_iter().map(image).collect::<Result<_, _>>()?;
    Ok((images, same.into_iter().map(boolean).collect::<Result<_, _>>()?))
}

/// What may stand in a list.
#[derive(Clone)]
enum Item {
    Bytes(Arc<[u8]>),
    Bool(bool),
}

/// What may stand on the stack.
#[derive(Clone)]
enum Value {
    Mark,
    Item(Item),
    List(Vec<Item>),
    /// Both lists, which end the pickle.
    Lists(Vec<Item>, Vec<Item>),
    /// A text, by which Python 3 writes bytes with protocol 2: each character is a byte.
    Text(Arc<str>),
    /// A function that makes bytes of it, or empty bytes of nothing.
    Encode,
    /// What such a function is given.
    Arguments(Arc<str>),
}

/// The part of Python's pickle machine that two lists need (`Lib/pickletools.py` describes it).
struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    /// Does what one opcode says; true at the end.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.array()?;
        match opcode {
            b'.' => return Ok(true),
            0x80 => self.take(1).map(drop)?, // PROTO
            0x95 => self.take(8).map(drop)?, // FRAME
            b'(' => self.stack.push(Value::Mark),
            b']' => self.stack.push(Value::List(Vec::new())),
            b')' => self.stack.push(Value::Arguments("".into())), // EMPTY_TUPLE
            b'U' | b'C' => self.bytes::<1>()?,                    // SHORT_BINSTRING, SHORT_BINBYTES
            b'T' | b'B' => self.bytes::<4>()?,                    // BINSTRING, BINBYTES
            0x8e => self.bytes::<8>()?,                           // BINBYTES8
            b'X' => self.text()?,                                 // BINUNICODE
            0x88 | 0x89 => self.boolean(opcode == 0x88),          // NEWTRUE, NEWFALSE
            b'K' => {
                let [number] = self.array()?; // BININT1
                self.boolean(number != 0);
            }
            b'c' => self.global()?,
            b'R' => self.reduce()?,
            b'a' => self.append()?,
            b'e' => self.appends()?,
            0x86 => self.tuple()?, // TUPLE2
            b't' => self.marked_tuple()?,
            b'q' | b'r' | 0x94 => self.put(opcode)?, // BINPUT, LONG_BINPUT, MEMOIZE
            b'h' | b'j' => self.get(opcode)?,        // BINGET, LONG_BINGET
            other => {
                return Err(format!(
                    "opcode {:?}, which no list of bytes or booleans needs",
                    char::from(other)
                ));
            }
        }
        Ok(false)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("the file ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| "the file ends too early".into())
    }

    /// A length of N bytes, and as many bytes as it says.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], String> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        let length = u64::from_le_bytes(wide);
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn bytes<const N: usize>(&mut self) -> Result<(), String> {
        let bytes = self.counted::<N>()?;
        self.stack.push(Value::Item(Item::Bytes(bytes.into())));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let text = std::str::from_utf8(self.counted::<4>()?).map_err(|_| "a text that is not UTF-8")?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn boolean(&mut self, boolean: bool) {
        self.stack.push(Value::Item(Item::Bool(boolean)));
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.rest.iter().position(|&byte| byte == b'\n').ok_or("the file ends too early")?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        if !matches!((module.as_str(), name.as_str()), ("_codecs", "encode") | ("__builtin__", "bytes")) {
            let [module, name] = [module, name].map(|of| of.chars().take(40).collect::<String>());
            return Err(format!(
                "the list holds objects of Python ({module}.{name}) instead of bytes and booleans"
            ));
        }
        self.stack.push(Value::Encode);
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), String> {
        let (Some(Value::Arguments(text)), Some(Value::Encode)) = (self.stack.pop(), self.stack.pop()) else {
            return Err("a call that makes no bytes".into());
        };
        let byte = |c: char| u8::try_from(u32::from(c)).map_err(|_| "a text that stands for no bytes");
        let bytes = text.chars().map(byte).collect::<Result<Vec<u8>, _>>()?;
        self.stack.push(Value::Item(Item::Bytes(bytes.into())));
        Ok(())
    }

    fn append(&mut self) -> Result<(), String> {
        match (self.stack.pop(), self.stack.last_mut()) {
            (Some(Value::Item(item)), Some(Value::List(list))) => list.push(item),
            _ => return Err("a list with other things than bytes and booleans".into()),
        }
        Ok(())
    }

    fn appends(&mut self) -> Result<(), String> {
        let mark =
            self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or("no list begins here")?;
        let values = self.stack.split_off(mark);
        let Some(Value::List(list)) = self.stack.last_mut() else {
            return Err("items without a list".into());
        };
        for value in values.into_iter().skip(1) {
            let Value::Item(item) = value else {
                return Err("a list with other things than bytes and booleans".into());
            };
            list.push(item);
        }
        Ok(())
    }

    fn tuple(&mut self) -> Result<(), String> {
        let value = match (self.stack.pop(), self.stack.pop()) {
            (Some(Value::List(same)), Some(Value::List(images))) => Value::Lists(images, same),
            (Some(Value::Text(codec)), Some(Value::Text(text))) if &*codec == "latin1" => {
                Value::Arguments(text)
            }
            _ => return Err("a tuple that is not of two lists".into()),
        };
        self.stack.push(value);
        Ok(())
    }

    /// A tuple of what stands above the mark below it.
    fn marked_tuple(&mut self) -> Result<(), String> {
        let mark = self.stack.len().checked_sub(3).filter(|&mark| matches!(self.stack[mark], Value::Mark));
        self.stack.remove(mark.ok_or("a tuple that is not of two lists")?);
        self.tuple()
    }

    fn index(&mut self, wide: bool) -> Result<u32, String> {
        if wide { self.array().map(u32::from_le_bytes) } else { self.array().map(|[index]| u32::from(index)) }
    }

    /// Remembers the top of the stack, where it is of a kind that comes again; lists do not.
    fn put(&mut self, opcode: u8) -> Result<(), String> {
        let index = match opcode {
            0x94 => self.memo.len() as u32,
            _ => self.index(opcode == b'r')?,
        };
        let value = match self.stack.last() {
            Some(Value::List(_) | Value::Lists(..)) | None => Value::Mark,
            Some(other) => other.clone(),
        };
        self.memo.insert(index, value);
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<(), String> {
        let index = self.index(opcode == b'j')?;
        match self.memo.get(&index) {
            None | Some(Value::Mark) => Err("a list that comes twice".into()),
            Some(value) => {
                self.stack.push(value.clone());
                Ok(())
            }
        }
    }
}
