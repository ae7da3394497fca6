//! The stand-in for nodeadm as one program: an interpreter line and a ZIP archive of its sources, which Python runs.

use flate2::Crc;

/// Name in the archive → text. `version.py` is made here.
const SOURCES: [(&str, &str); 14] = [
    ("__main__.py", include_str!("../../nodeadm/__main__.py")),
    ("agent.py", include_str!("../../nodeadm/agent.py")),
    ("aws.py", include_str!("../../nodeadm/aws.py")),
    ("command_line.py", include_str!("../../nodeadm/command_line.py")),
    ("host.py", include_str!("../../nodeadm/host.py")),
    ("init.py", include_str!("../../nodeadm/init.py")),
    ("install.py", include_str!("../../nodeadm/install.py")),
    ("kubelet.py", include_str!("../../nodeadm/kubelet.py")),
    ("leave.py", include_str!("../../nodeadm/leave.py")),
    ("log.py", include_str!("../../nodeadm/log.py")),
    ("node_config.py", include_str!("../../nodeadm/node_config.py")),
    ("systemd.py", include_str!("../../nodeadm/systemd.py")),
    ("validations.py", include_str!("../../nodeadm/validations.py")),
    ("manifest.py", include_str!("../../nodeadm/manifest.py")),
];
const INTERPRETER: &str = "#!/usr/bin/python3\n";

/// The program of a version such as `v1.0.20`.
pub fn program(version: &str) -> Vec<u8> {
    let made = format!("VERSION = \"{version}\"\n");
    let mut archive = INTERPRETER.as_bytes().to_vec();
    let mut directory = Vec::new();
    let files = SOURCES.into_iter().chain([("version.py", made.as_str())]);
    let mut count = 0_u16;
    for (name, text) in files {
        let offset = number(archive.len());
        let fields = fields(name, text);
        archive.extend(b"PK\x03\x04");
        archive.extend(&fields);
        archive.extend(name.as_bytes());
        archive.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        count += 1;
    }
    let (start, length) = (number(archive.len()), number(directory.len()));
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// What both headers of a file say of it: needs version 2.0, not compressed, of 1980-01-01.
fn fields(name: &str, text: &str) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let mut fields = vec![0x14, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    fields.extend(crc.sum().to_le_bytes());
    fields.extend(number(text.len()).to_le_bytes());
    fields.extend(number(text.len()).to_le_bytes());
    fields.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
    fields.extend([0; 2]);
    fields
}

/// All of it is far below 4 GiB.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
