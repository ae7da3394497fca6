//! Tokens to templates, with Go's text/template grammar and messages.
//!
//! Parsing stops at the first error. Functions are resolved here, so an unknown one is a parse error.

use super::ast::{Branch, Command, List, Node, Pipe, Source, Template, Word};
use super::constant;
use super::failure::{ParseError, Place};
use super::functions;
use super::lexer::Lexer;
use super::token::{Kind, Token};
use std::borrow::Cow;
use std::rc::Rc;

/// Deepest nesting of parentheses, Go's own limit.
const MAX_PARENTHESES: usize = 10_000;
/// Deepest nesting of blocks. Go has no limit; this one keeps the stack of the parser and of the evaluator bounded.
const MAX_BLOCKS: usize = 1_000;

/// Parses `source` into the templates that it defines; the last one is the source's own, named `name`.
pub(crate) fn parse(name: &str, source: Rc<Source>) -> Result<Vec<Rc<Template>>, ParseError> {
    let shared = Rc::clone(&source);
    let mut parser =
        Parser { source, lexer: Lexer::new(&shared.text), tree: Tree::default(), defined: Vec::new(), depth: 0 };
    let body = parser.top_level()?;
    parser.add(name, body)?;
    Ok(parser.defined)
}

/// The state of one template under construction; a `define` or `block` inside starts another.
struct Tree<'s> {
    tokens: [Token<'s>; 3],
    peeked: usize,
    variables: Vec<String>,
    /// Line of the action being parsed; zero outside.
    action_line: usize,
    range_depth: usize,
    parentheses: usize,
}

impl Default for Tree<'_> {
    fn default() -> Self {
        let none = Token { kind: Kind::Eof, position: 0, text: Cow::Borrowed(""), line: 0 };
        Self {
            tokens: [none.clone(), none.clone(), none],
            peeked: 0,
            variables: vec!["$".to_owned()],
            action_line: 0,
            range_depth: 0,
            parentheses: 0,
        }
    }
}

struct Parser<'s> {
    source: Rc<Source>,
    lexer: Lexer<'s>,
    tree: Tree<'s>,
    defined: Vec<Rc<Template>>,
    depth: usize,
}

/// What ends a list of nodes.
enum Stop {
    End,
    Else,
}

enum Item {
    Node(Node),
    Stop(Stop),
}

type Parsed<T> = Result<T, ParseError>;

impl<'s> Parser<'s> {
    fn next(&mut self) -> Token<'s> {
        if self.tree.peeked > 0 {
            self.tree.peeked -= 1;
        } else {
            self.tree.tokens[0] = self.lexer.next_token();
        }
        self.tree.tokens[self.tree.peeked].clone()
    }

    fn backup(&mut self) {
        self.tree.peeked += 1;
    }

    fn backup_two(&mut self, first: Token<'s>) {
        self.tree.tokens[1] = first;
        self.tree.peeked = 2;
    }

    fn backup_three(&mut self, first: Token<'s>, second: Token<'s>) {
        self.tree.tokens[1] = second;
        self.tree.tokens[2] = first;
        self.tree.peeked = 3;
    }

    fn peek(&mut self) -> &Token<'s> {
        if self.tree.peeked == 0 {
            self.tree.peeked = 1;
            self.tree.tokens[0] = self.lexer.next_token();
        }
        &self.tree.tokens[self.tree.peeked - 1]
    }

    fn next_non_space(&mut self) -> Token<'s> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token<'s> {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn error<T>(&self, message: impl std::fmt::Display) -> Parsed<T> {
        let place = Place { template: self.source.name.clone(), line: self.tree.tokens[0].line, column: None };
        Err(ParseError { place, what: message.to_string() })
    }

    fn expect(&mut self, kinds: &[Kind], context: &str) -> Parsed<Token<'s>> {
        let token = self.next_non_space();
        if kinds.contains(&token.kind) { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        if token.kind == Kind::Error {
            let mut started = String::new();
            if self.tree.action_line != 0 && self.tree.action_line != token.line {
                started = format!(" in action started at {}:{}", self.source.name, self.tree.action_line);
                if token.text.ends_with(" action") {
                    started.drain(..10);
                }
            }
            return self.error(format_args!("{}{started}", token.describe()));
        }
        self.error(format_args!("unexpected {} in {context}", token.describe()))
    }

    /// Adds a finished template; two non-empty ones of one name in one source are an error.
    fn add(&mut self, name: &str, body: Vec<Node>) -> Parsed<()> {
        let template = Template { name: name.to_owned(), source: Rc::clone(&self.source), body };
        match self.defined.iter().position(|earlier| earlier.name == name) {
            Some(index) if self.defined[index].is_empty() => self.defined[index] = Rc::new(template),
            Some(_) if template.is_empty() => {}
            Some(_) => {
                return self
                    .error(format_args!("template: multiple definition of template {}", crate::go::quote(name)));
            }
            None => self.defined.push(Rc::new(template)),
        }
        Ok(())
    }

    fn top_level(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelimiter {
                let delimiter = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup_two(delimiter);
            }
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::Stop(stop) => return self.error(format_args!("unexpected {}", stop.text())),
            }
        }
        Ok(nodes)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.tree);
        let token = self.expect(&[Kind::String, Kind::RawString], CONTEXT)?;
        let name = self.unquote(&token)?;
        self.expect(&[Kind::RightDelimiter], CONTEXT)?;
        let (body, stop) = self.items()?;
        if !matches!(stop, Stop::End) {
            return self.error(format_args!("unexpected {} in {CONTEXT}", stop.text()));
        }
        self.add(&name, body.nodes)?;
        self.tree = outer;
        Ok(())
    }

    fn unquote(&self, token: &Token<'_>) -> Parsed<String> {
        match crate::go::unquote(&token.text) {
            Some(text) => Ok(text),
            None => self.error("invalid syntax"),
        }
    }

    fn items(&mut self) -> Parsed<(List, Stop)> {
        self.depth += 1;
        if self.depth > MAX_BLOCKS {
            return self.error(format_args!("blocks are nested more than {MAX_BLOCKS} deep"));
        }
        let mut nodes = Vec::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::Stop(stop) => {
                    self.depth -= 1;
                    return Ok((List { nodes }, stop));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text { position: token.position, text: token.text.into_owned() })),
            Kind::LeftDelimiter => {
                self.tree.action_line = token.line;
                let item = self.action()?;
                self.tree.action_line = 0;
                Ok(item)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => {
                self.loop_control("break")?;
                Node::Break { position: token.position }
            }
            Kind::Continue => {
                self.loop_control("continue")?;
                Node::Continue { position: token.position }
            }
            Kind::Else => return self.else_control().map(Item::Stop),
            Kind::End => {
                self.expect(&[Kind::RightDelimiter], "end")?;
                return Ok(Item::Stop(Stop::End));
            }
            Kind::If => Node::If(self.branch("if")?),
            Kind::Range => Node::Range(self.branch("range")?),
            Kind::With => Node::With(self.branch("with")?),
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let position = self.peek().position;
                Node::Action { position, pipe: self.pipeline("command", Kind::RightDelimiter)? }
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, word: &str) -> Parsed<()> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelimiter {
            return self.unexpected(&token, &format!("{{{{{word}}}}}"));
        }
        if self.tree.range_depth == 0 {
            return self.error(format_args!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
        Ok(())
    }

    fn else_control(&mut self) -> Parsed<Stop> {
        let next = self.peek_non_space();
        if matches!(next.kind, Kind::If | Kind::With) {
            return Ok(Stop::Else);
        }
        self.expect(&[Kind::RightDelimiter], "else")?;
        Ok(Stop::Else)
    }

    fn branch(&mut self, context: &str) -> Parsed<Branch> {
        let variables = self.tree.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelimiter)?;
        if context == "range" {
            self.tree.range_depth += 1;
        }
        let (body, stop) = self.items()?;
        if context == "range" {
            self.tree.range_depth -= 1;
        }
        let mut otherwise = None;
        if matches!(stop, Stop::Else) {
            let chained = match (context, self.peek().kind) {
                ("if", Kind::If) => Some("if"),
                ("with", Kind::With) => Some("with"),
                _ => None,
            };
            if let Some(word) = chained {
                self.next();
                self.depth += 1;
                if self.depth > MAX_BLOCKS {
                    return self.error(format_args!("blocks are nested more than {MAX_BLOCKS} deep"));
                }
                let branch = self.branch(word)?;
                self.depth -= 1;
                let node = if word == "if" { Node::If(branch) } else { Node::With(branch) };
                otherwise = Some(List { nodes: vec![node] });
            } else {
                let (list, stop) = self.items()?;
                if !matches!(stop, Stop::End) {
                    return self.error(format_args!("expected end; found {}", stop.text()));
                }
                otherwise = Some(list);
            }
        }
        self.tree.variables.truncate(variables);
        Ok(Branch { position: pipe.position, pipe, body, otherwise })
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelimiter)?;
        let outer = std::mem::take(&mut self.tree);
        let (body, stop) = self.items()?;
        if !matches!(stop, Stop::End) {
            return self.error(format_args!("unexpected {} in {CONTEXT}", stop.text()));
        }
        self.add(&name, body.nodes)?;
        self.tree = outer;
        Ok(Node::Template { position: token.position, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelimiter {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?);
        }
        Ok(Node::Template { position: token.position, name, pipe })
    }

    fn template_name(&self, token: &Token<'_>, context: &str) -> Parsed<String> {
        match token.kind {
            Kind::String | Kind::RawString => self.unquote(token),
            _ => self.unexpected(token, context),
        }
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let position = self.peek_non_space().position;
        let mut pipe = Pipe { position, is_assignment: false, declared: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// `$a :=`, `$a =` and, in a range, `$a, $b :=` at the head of a pipeline.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // A space after the variable must be kept for the case in which it is an operand.
            let after = self.peek().clone();
            let next = self.peek_non_space();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                pipe.is_assignment = next.kind == Kind::Assign;
                self.next_non_space();
                self.declare(pipe, variable.text.into_owned());
                return Ok(());
            }
            if next.kind == Kind::Char && next.text == "," {
                self.next_non_space();
                self.declare(pipe, variable.text.into_owned());
                if context == "range" && pipe.declared.len() < 2 {
                    match self.peek_non_space().kind {
                        Kind::Variable | Kind::RightDelimiter | Kind::RightParen => continue,
                        _ => return self.error("range can only initialize variables"),
                    }
                }
                return self.error(format_args!("too many declarations in {context}"));
            }
            if after.kind == Kind::Space {
                self.backup_three(variable, after);
            } else {
                self.backup_two(variable);
            }
            return Ok(());
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        pipe.declared.push(name.clone());
        self.tree.variables.push(name);
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.error(format_args!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.words[0],
                Word::Bool { .. } | Word::Dot { .. } | Word::Nil { .. } | Word::Number { .. } | Word::Text { .. }
            ) {
                return self.error(format_args!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let position = self.peek_non_space().position;
        let mut words = Vec::with_capacity(2);
        loop {
            self.peek_non_space();
            if let Some(word) = self.operand()? {
                words.push(word);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelimiter | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if words.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { position, words })
    }

    fn operand(&mut self) -> Parsed<Option<Word>> {
        let Some(word) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(word));
        }
        let position = self.peek().position;
        let mut fields: Vec<Rc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].into());
        }
        Ok(Some(match word {
            Word::Field { mut path, .. } => {
                path.extend(fields);
                Word::Field { position, path }
            }
            Word::Variable { name, mut path, .. } => {
                path.extend(fields);
                Word::Variable { position, name, path }
            }
            Word::Bool { .. } | Word::Text { .. } | Word::Number { .. } | Word::Nil { .. } | Word::Dot { .. } => {
                return self.error(format_args!("unexpected . after term {}", crate::go::quote(&word.to_string())));
            }
            other => Word::Chain { position, node: Box::new(other), path: fields },
        }))
    }

    fn term(&mut self) -> Parsed<Option<Word>> {
        let token = self.next_non_space();
        let position = token.position;
        Ok(Some(match token.kind {
            Kind::Identifier => {
                let Some(function) = functions::find(&token.text) else {
                    return self.error(format_args!("function {} not defined", crate::go::quote(&token.text)));
                };
                Word::Identifier { position, function }
            }
            Kind::Dot => Word::Dot { position },
            Kind::Nil => Word::Nil { position },
            Kind::Variable => {
                if !self.tree.variables.iter().any(|known| *known == token.text) {
                    return self.error(format_args!("undefined variable {}", crate::go::quote(&token.text)));
                }
                Word::Variable { position, name: token.text.into_owned(), path: Vec::new() }
            }
            Kind::Field => Word::Field { position, path: vec![token.text[1..].into()] },
            Kind::Bool => Word::Bool { position, value: token.text == "true" },
            Kind::CharConstant | Kind::Complex | Kind::Number => match constant::parse(&token.text, token.kind) {
                Ok(number) => Word::Number { position, number: Box::new(number) },
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                if self.tree.parentheses >= MAX_PARENTHESES {
                    return self.error("max expression depth exceeded");
                }
                self.tree.parentheses += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.tree.parentheses -= 1;
                Word::Pipe(pipe)
            }
            Kind::String | Kind::RawString => {
                let text = self.unquote(&token)?.into();
                Word::Text { position, quoted: token.text.into_owned(), text }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        }))
    }
}

impl Stop {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}
