//! Which styles a string can be written in: the emitter's look at a scalar before it writes it.

/// What a string allows.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "these are five independent answers about one string")]
pub(super) struct Analysis {
    pub(super) multiline: bool,
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    pub(super) block: bool,
}

/// Space in the sense of YAML's emitter: only U+0020.
pub(super) fn is_space(character: char) -> bool {
    character == ' '
}

/// A line break in YAML 1.1.
pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Printable in libyaml's sense as go-yaml ported it: no tab, and nothing beyond the basic plane.
pub(super) fn is_printable(character: char) -> bool {
    matches!(character,
        '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Looks at `text`. `keeps_tabs` is go-yaml v3's rule that allows a tab in a block.
pub(super) fn analyze(text: &str, keeps_tabs: bool) -> Analysis {
    if text.is_empty() {
        return Analysis { multiline: false, plain: true, single_quoted: true, block: false };
    }
    let mut block_indicators = text.starts_with("---") || text.starts_with("...");
    let mut line_breaks = false;
    let mut special = false;
    let mut tabs = false;
    let (mut leading_space, mut leading_break) = (false, false);
    let (mut trailing_space, mut trailing_break) = (false, false);
    let (mut break_then_space, mut space_then_break) = (false, false);
    let (mut previous_space, mut previous_break) = (false, false);
    let mut after_blank = true;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        // A line break does not count as blank here.
        let before_blank = next.is_none_or(|next| next == ' ' || next == '\t');
        let is_last = next.is_none();
        if index == 0 {
            match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    block_indicators = true;
                }
                '?' | ':' | '-' if before_blank => block_indicators = true,
                _ => {}
            }
        } else {
            match character {
                ':' if before_blank => block_indicators = true,
                '#' if after_blank => block_indicators = true,
                _ => {}
            }
        }
        if character == '\t' && keeps_tabs {
            tabs = true;
        } else if !is_printable(character) {
            special = true;
        }
        if is_space(character) {
            leading_space |= index == 0;
            trailing_space |= is_last;
            break_then_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(character) {
            line_breaks = true;
            leading_break |= index == 0;
            trailing_break |= is_last;
            space_then_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = character == ' ' || character == '\t' || is_break(character) || character == '\0';
    }
    let forbidden = space_then_break || special;
    let plain = !(leading_space
        || leading_break
        || trailing_space
        || trailing_break
        || break_then_space
        || forbidden
        || tabs
        || line_breaks
        || block_indicators);
    Analysis {
        multiline: line_breaks,
        plain,
        single_quoted: !(break_then_space || forbidden || tabs),
        block: !(trailing_space || forbidden),
    }
}
