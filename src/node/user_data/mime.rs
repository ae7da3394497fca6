//! Several files in one text, in cloud-init's user data format: MIME multi-part.
//!
//! Source: cloud-init's user guide, "MIME multi-part archive". Lines end in `\n`, as cloud-init itself writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One file.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// How cloud-init handles it: `text/cloud-config`, `text/x-shellscript`.
    pub(super) content_type: &'a str,
    /// The file name that cloud-init uses.
    pub(super) name: &'a str,
    pub(super) content: &'a str,
    /// How cloud-init merges a cloud-config with those before it. Its default lets a list of a later part replace the
    /// same list of an earlier one.
    pub(super) merge: Option<&'a str>,
}

/// The archive. Its boundary does not occur in any part.
pub(super) fn archive(parts: &[Part<'_>]) -> String {
    let boundary = boundary(parts);
    let head = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n");
    let sections = parts.iter().map(|part| section(part, &boundary));
    let end = format!("--{boundary}--\n");
    [head].into_iter().chain(sections).chain([end]).collect()
}

fn section(Part { content_type, name, content, merge }: &Part<'_>, boundary: &str) -> String {
    // Email parsers read raw text as Latin-1, so non-ASCII text must be encoded.
    let (charset, encoding, body) = if content.is_ascii() {
        ("us-ascii", "7bit", (*content).to_owned())
    } else {
        ("utf-8", "base64", lines_of_base64(content))
    };
    let merge = merge.map(|how| format!("X-Merge-Type: {how}\n")).unwrap_or_default();
    format!(
        "--{boundary}\n\
         Content-Type: {content_type}; charset=\"{charset}\"\n\
         MIME-Version: 1.0\n\
         {merge}\
         Content-Transfer-Encoding: {encoding}\n\
         Content-Disposition: attachment; filename=\"{name}\"\n\
         \n\
         {body}\n"
    )
}

/// Deterministic for the same parts, so that a plan is stable.
fn boundary(parts: &[Part<'_>]) -> String {
    let free = |boundary: &String| !parts.iter().any(|part| part.content.contains(boundary.as_str()));
    let mut number = 0_u32;
    loop {
        let boundary = format!("==ekshybrid-{number}==");
        if free(&boundary) {
            return boundary;
        }
        number += 1;
    }
}

fn lines_of_base64(content: &str) -> String {
    let encoded = STANDARD.encode(content);
    // 76 is MIME's maximum line length.
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_occurs_in_no_part() {
        let content = "==ekshybrid-0== and --==ekshybrid-1==--";
        let archive = archive(&[Part { content_type: "text/plain", name: "a", content, merge: None }]);
        assert!(
            archive.starts_with("Content-Type: multipart/mixed; boundary=\"==ekshybrid-2==\"\nMIME-Version: 1.0\n\n")
        );
        assert!(archive.ends_with("\n--==ekshybrid-2==--\n"));
    }

    #[test]
    fn text_beyond_ascii_is_wrapped_in_short_lines() {
        let archive =
            archive(&[Part { content_type: "text/plain", name: "a", content: &"é".repeat(100), merge: None }]);
        assert!(archive.is_ascii());
        assert!(archive.lines().all(|line| line.len() <= 76));
    }
}
