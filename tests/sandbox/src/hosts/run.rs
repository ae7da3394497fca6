//! Programs of the machine that set hosts up: `ip`, `unshare`, `nsenter`, `ssh-keygen`.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What there must be on PATH.
const PROGRAMS: [&str; 4] = ["ip", "unshare", "nsenter", "ssh-keygen"];
/// Where systems keep programs for root, which is not on everybody's PATH.
const MORE_PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin";

/// Whether hosts can be made on this machine; the error says why not.
pub fn are_possible() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("hosts are namespaces of Linux, and this is another system".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("hosts need root: they are namespaces with mounts and interfaces of their own".to_owned());
    }
    let path = path();
    let missing = PROGRAMS.iter().find(|name| !path.split(':').any(|folder| Path::new(folder).join(name).exists()));
    match missing {
        Some(name) => Err(format!("hosts need `{name}`, which is not on PATH")),
        None => Ok(()),
    }
}

/// Whether root may make namespaces with mounts of their own, which many containers do not allow. Blocks.
pub fn try_mounts(rootfs: &Path, folder: &Path) -> Result<(), String> {
    let script = "mount --make-rprivate / && mount -t tmpfs tmpfs \"$0\" && mkdir \"$0/upper\" \"$0/work\" \"$0/root\" \
        && mount -t overlay overlay -o \"lowerdir=$1,upperdir=$0/upper,workdir=$0/work\" \"$0/root\"";
    let own = ["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "sh", "-c", script];
    let folders = [folder.display().to_string(), rootfs.display().to_string()];
    run("unshare", &own.into_iter().chain(folders.iter().map(String::as_str)).collect::<Vec<_>>())
        .map(drop)
        .map_err(|error| format!("root may not make namespaces with mounts of their own here: {error}"))
}

/// PATH with root's folders.
pub fn path() -> String {
    format!("{}:{MORE_PATH}", std::env::var("PATH").unwrap_or_default())
}

/// The absolute path of one of [`PROGRAMS`].
pub fn program(name: &str) -> std::path::PathBuf {
    let found = path().split(':').map(|folder| Path::new(folder).join(name)).find(|file| file.exists());
    found.unwrap_or_else(|| name.into())
}

/// What a program said, and its status.
pub struct Done {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end. Blocks.
pub fn output(name: &str, arguments: &[&str]) -> Result<Done, String> {
    let run = Command::new(program(name))
        .args(arguments)
        .env("PATH", path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} could not be started: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Done { status: run.status.code().unwrap_or(-1), stdout: text(&run.stdout), stderr: text(&run.stderr) })
}

/// Runs a program that must succeed, and gives what it printed. Blocks.
pub fn run(name: &str, arguments: &[&str]) -> Result<String, String> {
    let done = output(name, arguments)?;
    if done.status == 0 {
        Ok(done.stdout)
    } else {
        Err(format!("`{name} {}` ended with {}: {}", arguments.join(" "), done.status, done.stderr.trim()))
    }
}

/// `ip` with these arguments, one blank between any two.
pub fn ip(arguments: &str) -> Result<String, String> {
    run("ip", &arguments.split(' ').collect::<Vec<_>>())
}
