//! Reading one line of a trace, strictly.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::permissions::Permissions;

use super::error::Problem;
use super::history::{Call, Event, PAGE, Region};
use super::view::{LETTERS, View};

/// What a line says; `None` when it is empty or all comment.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Option<Event>, Problem> {
    let line = core::str::from_utf8(line).map_err(|_| Problem::NotText)?;
    let text = line.split_once('#').map_or(line, |(text, _)| text);
    let mut words = text.split_ascii_whitespace();
    let Some(verb) = words.next() else {
        return Ok(None);
    };
    let event = event(verb, &mut words)?;
    match words.next() {
        Some(word) => Err(Problem::Extra(word.into())),
        None => Ok(Some(event)),
    }
}

fn event<'a>(verb: &str, words: &mut impl Iterator<Item = &'a str>) -> Result<Event, Problem> {
    Ok(match verb {
        "init" => Event::Init(region(words)?),
        "map" => Event::Call(Call::Map(region(words)?)),
        "unmap" => Event::Call(Call::Unmap(area(words)?)),
        "protect" => Event::Call(Call::Protect(area(words)?, permissions(words)?)),
        "remap" => Event::Call(Call::Remap {
            old: area(words)?,
            new: area(words)?,
        }),
        "final" => Event::Final(region(words)?),
        _ => return Err(Problem::UnknownVerb(verb.into())),
    })
}

fn region<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Region, Problem> {
    Ok(Region {
        area: area(words)?,
        view: view(words)?,
    })
}

fn area<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<MemoryArea, Problem> {
    let word = words.next().ok_or(Problem::NoArea)?;
    let numbers = word.split_once('-');
    let numbers = numbers.and_then(|(start, end)| Some((hex(start)?, hex(end)?)));
    let (start, end) = numbers.ok_or_else(|| Problem::NotAnArea(word.into()))?;
    if start >= end {
        return Err(Problem::Backwards(word.into()));
    }
    if [start, end].iter().any(|addr| addr % PAGE as u128 != 0) {
        return Err(Problem::NotPages(word.into()));
    }
    let addr = |number| usize::try_from(number).ok().map(VirtAddr::new);
    let area = addr(start)
        .zip(addr(end - 1))
        .and_then(|(start, last)| MemoryArea::new(start, last).ok());
    area.ok_or_else(|| Problem::NotAnArea(word.into()))
}

/// Digits and nothing else. 128 bits, as the end of the last page of all is 2^64.
fn hex(word: &str) -> Option<u128> {
    let digits = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(word, 16).ok())?
}

fn view<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<View, Problem> {
    let word = words.next().ok_or(Problem::NoPermissions)?;
    let view = |(letters, is_shared)| {
        Some(View {
            permissions: bits(letters)?,
            is_shared,
        })
    };
    let private = word.strip_suffix('p').map(|letters| (letters, false));
    let split = private.or_else(|| word.strip_suffix('s').map(|letters| (letters, true)));
    split
        .and_then(view)
        .ok_or_else(|| Problem::NotAView(word.into()))
}

fn permissions<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Permissions, Problem> {
    let word = words.next().ok_or(Problem::NoPermissions)?;
    bits(word).ok_or_else(|| Problem::NotPermissions(word.into()))
}

/// `rwx`, each there or `-`.
fn bits(letters: &str) -> Option<Permissions> {
    if letters.chars().count() != LETTERS.len() {
        return None;
    }
    let add = |sum, (letter, (bit, name))| match letter {
        '-' => Some(sum),
        _ if letter == name => Some(sum | bit),
        _ => None,
    };
    letters
        .chars()
        .zip(LETTERS)
        .try_fold(Permissions::empty(), add)
}
