//! An archive, taken apart by Python's mail reader as cloud-init does it. For tests.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// The parts as cloud-init gets them: type, file name, content.
pub(super) fn parts(text: &str) -> Vec<(String, String, String)> {
    const READER: &str = "
import email, json, sys
message = email.message_from_string(sys.stdin.buffer.read().decode('utf-8'))
assert message.is_multipart() and not message.defects, message.defects
json.dump([[p.get_content_type(), p.get_filename(), p.get_payload(decode=True).decode('utf-8')]
       for p in message.walk() if not p.is_multipart()], sys.stdout)
";
    let mut reader = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is a prerequisite of the tests");
    reader.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
