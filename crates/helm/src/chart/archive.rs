//! Chart archives: gzip-compressed tar files, read into memory within limits.

use super::File;
use crate::error::{Error, Result};
use crate::go::{path, quote};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use tar::{Archive, EntryType};

/// Largest sum of the files, Helm's own limit.
pub(super) const MAX_SIZE: u64 = 100 * 1024 * 1024;
/// Largest file, Helm's own limit.
pub(super) const MAX_FILE_SIZE: u64 = 5 * 1024 * 1024;
/// Largest decompressed archive with its headers; a bomb of headers alone ends here.
const MAX_STREAM: u64 = MAX_SIZE + 16 * 1024 * 1024;

/// How a gzip file begins.
pub(super) const MAGIC: &[u8] = &[0x1F, 0x8B, 0x08];

/// The type of a file that is not an archive, for a message. Go looks at 512 bytes, including the zeros after a shorter
/// file, so only a long text is reported as text.
pub(super) fn content_type(data: &[u8]) -> &'static str {
    let head = &data[..data.len().min(512)];
    let trimmed = head.trim_ascii_start().to_ascii_lowercase();
    if trimmed.starts_with(b"<!doctype html") || trimmed.starts_with(b"<html") {
        "text/html; charset=utf-8"
    } else if trimmed.starts_with(b"<?xml") {
        "text/xml; charset=utf-8"
    } else if head.starts_with(b"PK\x03\x04") {
        "application/zip"
    } else if head.len() == 512 && !head.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)) {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The regular files of an archive, with paths from the chart's root.
///
/// Paths that are absolute or lead out of the chart are refused; links are not followed.
pub(super) fn unpack(data: &[u8]) -> Result<Vec<File>> {
    let refuse = |message: String| Err(Error::Chart(message));
    if !data.starts_with(MAGIC) {
        return refuse("the file does not appear to be a gzipped archive".to_owned());
    }
    let mut archive = Archive::new(MultiGzDecoder::new(data).take(MAX_STREAM));
    let mut files = Vec::new();
    let mut remaining = MAX_SIZE;
    for entry in archive.entries().map_err(Error::Archive)? {
        let entry = entry.map_err(Error::Archive)?;
        let kind = entry.header().entry_type();
        let full = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match kind {
            EntryType::XGlobalHeader | EntryType::XHeader | EntryType::Directory => continue,
            _ if full.ends_with('/') => continue,
            _ => {}
        }
        let name = inner_path(&full).map_err(Error::Chart)?;
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            // A link is an empty file, as in Helm; published charts hold some. It is never followed.
            files.push(File { name, data: Vec::new() });
            continue;
        }
        let size = entry.header().size().map_err(Error::Archive)?.max(entry.size());
        if size > remaining {
            return refuse(format!("decompressed chart is larger than the maximum size {MAX_SIZE}"));
        }
        if size > MAX_FILE_SIZE {
            return refuse(format!(
                "decompressed chart file {} is larger than the maximum file size {MAX_FILE_SIZE}",
                quote(&full)
            ));
        }
        let mut data = Vec::new();
        entry.take(MAX_FILE_SIZE + 1).read_to_end(&mut data).map_err(Error::Archive)?;
        remaining -= (data.len() as u64).min(remaining);
        if (data.len() as u64) < size || remaining == 0 {
            return refuse(format!("decompressed chart is larger than the maximum size {MAX_SIZE}"));
        }
        if data.starts_with(BYTE_ORDER_MARK) {
            data.drain(..BYTE_ORDER_MARK.len());
        }
        files.push(File { name, data });
    }
    if files.is_empty() {
        return refuse("no files in chart archive".to_owned());
    }
    Ok(files)
}

/// The path below the archive's top folder.
fn inner_path(full: &str) -> Result<String, String> {
    let delimiter = if full.contains('\\') { '\\' } else { '/' };
    let (top, inner) = full.split_once(delimiter).unwrap_or((full, ""));
    let inner = inner.replace(delimiter, "/");
    if inner.starts_with('/') {
        return Err("chart illegally contains absolute paths".to_owned());
    }
    let inner = path::clean(&inner);
    if inner == "." {
        return Err(format!("chart illegally contains content outside the base directory: {}", quote(full)));
    }
    if inner.starts_with("..") {
        return Err("chart illegally references parent directory".to_owned());
    }
    let bytes = inner.as_bytes();
    if bytes.len() >= 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'/' {
        return Err("chart contains illegally named files".to_owned());
    }
    if top == "Chart.yaml" {
        return Err("chart yaml not in base directory".to_owned());
    }
    Ok(inner)
}
